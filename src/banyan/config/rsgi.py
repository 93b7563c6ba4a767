"""The web process as granian runs it: the front of ``kernel.http.front`` around Django."""

import sys

from django.urls import get_resolver

from banyan.config.wsgi import application as django
from banyan.kernel import garbage
from banyan.kernel.http.front import Front

_ = get_resolver().url_patterns  # loaded before the first caller comes, not while he waits
garbage.settle()
sys.setswitchinterval(0.001)  # the event loop waits for a computing group no longer than this, instead of 5 ms

application = Front(django)
"""What granian calls."""

"""The web process: Django under WSGI (see docs/decisions: sync views cost half of async ones)."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banyan.config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

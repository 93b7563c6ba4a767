"""The web process as granian runs it: the front of ``kernel.http.front`` around Django."""

from banyan.config.wsgi import application as django
from banyan.kernel import garbage
from banyan.kernel.http.front import Front

garbage.settle()
application = Front(django)

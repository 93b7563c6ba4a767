"""Every setting of an installation. Values come from the environment; ``banyan up`` fills in the embedded defaults."""

from __future__ import annotations

import os
import secrets as system_secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog
from psycopg.conninfo import conninfo_to_dict

from banyan.config import logs

SOURCE = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("BANYAN_HOME", "var")).resolve()

HOUSES = (
    "people.identity", "people.distributors", "people.network",
    "rules.compliance",
    "treasury.ledger", "treasury.payments", "treasury.payouts",
    "goods.catalog", "goods.inventory", "goods.warehousing", "goods.sourcing",
    "trade.attribution", "trade.pricing", "trade.offers", "trade.orders", "trade.fulfillment", "trade.returns",
    "earnings.commission", "earnings.simulation", "earnings.settlement",
)  # fmt: skip
"""All houses, low to high. One is installed once its folder has an apps.py."""


def installed_houses() -> list[str]:
    """The houses that exist, as dotted package paths."""
    return [f"banyan.{house}" for house in HOUSES if (SOURCE / Path(*house.split(".")) / "apps.py").exists()]


def _secret(name: str) -> bytes:
    """A 32-byte secret: from the environment (hex), else made once and kept in HOME/secrets, readable by its owner only."""
    given = os.environ.get(f"BANYAN_{name.upper()}")
    if given:
        return bytes.fromhex(given)
    path = HOME / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o711)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass  # another process was first; its secret is the one
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(system_secrets.token_hex(32))
    return bytes.fromhex(path.read_text().strip())


def _database(url: str) -> dict[str, Any]:
    parts: dict[str, Any] = conninfo_to_dict(url) if url else {}
    options: dict[str, Any] = {k: v for k, v in parts.items() if k not in ("host", "port", "user", "password", "dbname")}
    if os.environ.get("BANYAN_DATABASE_POOL", "1") == "1":
        options["pool"] = {"min_size": 1, "max_size": int(os.environ.get("BANYAN_DATABASE_POOL_SIZE", "16")), "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.get("host", ""), "PORT": parts.get("port", ""), "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""), "NAME": parts.get("dbname", "banyan"),
        "OPTIONS": options, "CONN_HEALTH_CHECKS": True,
    }  # fmt: skip


_app_url = os.environ.get("BANYAN_DATABASE_APP_URL") or os.environ.get("DATABASE_URL", "")
_owner_url = os.environ.get("BANYAN_DATABASE_OWNER_URL") or os.environ.get("DATABASE_OWNER_URL", "") or _app_url
DATABASES = {"default": _database(_app_url), "owner": _database(_owner_url)}
DATABASES["owner"]["OPTIONS"].pop("pool", None)
DATABASE_ROUTERS = ["banyan.kernel.tenancy.routing.CellRouter"]
BANYAN_PREPARED_PLANS = os.environ.get("BANYAN_PREPARED_PLANS", "1") == "1"
"""Whether set-based SQL keeps its plans on the connection; off behind a pooler that hands connections around per transaction."""
BANYAN_APP_ROLE = os.environ.get("BANYAN_APP_ROLE") or DATABASES["default"]["USER"] or "banyan_app"
REDIS_URL = os.environ.get("REDIS_URL", "")
BANYAN_STOCK_MIRROR = os.environ.get("BANYAN_STOCK_MIRROR", "on") != "off"
"""Whether orders for what is gone are refused by the stock's mirror in REDIS_URL; without it the database refuses them."""
BANYAN_PUBLIC_URL = os.environ.get("BANYAN_PUBLIC_URL", "http://127.0.0.1:8000")
"""Where payment channels reach this installation: the beginning of the addresses they send their notices to."""

SECRET_KEY = _secret("django_key").hex()
BANYAN_PUBLIC_ID_KEY = _secret("public_id_key")
BANYAN_FIELD_KEYS = [sha256(b"field/0" + _secret("field_key")).digest()]
DEBUG = os.environ.get("BANYAN_DEBUG") == "1"
ALLOWED_HOSTS = os.environ.get("BANYAN_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("BANYAN_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    # The console's templates win over unfold's; its own admin site replaces the one that unfold would put in place.
    "banyan.console", "unfold.apps.BasicAppConfig", "unfold.contrib.filters", "django.contrib.admin",
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles",
    "procrastinate.contrib.django", "ninja",
    "banyan.kernel",
    *installed_houses(),
    "banyan.config",
]  # fmt: skip
if "banyan.people.identity" in INSTALLED_APPS:
    AUTH_USER_MODEL = "identity.User"
    AUTHENTICATION_BACKENDS = ["banyan.people.identity.sessions.TenantBackend"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "banyan.kernel.http.middleware.api_transactions",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "banyan.kernel.http.middleware.console_transactions",
    "banyan.console.middleware.chosen_language",
    "banyan.console.middleware.tenant_time_zone",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "banyan.config.urls"
WSGI_APPLICATION = "banyan.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SOURCE / "console" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["banyan.console.templatetags.console"],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [SOURCE / "locale"]
USE_TZ = True
FORMAT_MODULE_PATH = ["banyan.console.formats"]
TIME_ZONE = "Asia/Shanghai"
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("BANYAN_HTTPS") == "1"
SECURE_CONTENT_TYPE_NOSNIFF = True
BANYAN_PROXY_COUNT = int(os.environ.get("BANYAN_PROXY_COUNT", "0"))
"""How many proxies of ours stand before the web processes; so many addresses at the end of X-Forwarded-For are believed."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
PROCRASTINATE_ON_APP_READY = (
    "banyan.config.procrastinate_app.on_app_ready" if (SOURCE / "config" / "procrastinate_app.py").exists() else None
)

structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, *logs.BEFORE, structlog.processors.JSONRenderer()],
    logger_factory=structlog.WriteLoggerFactory(file=__import__("sys").stderr),
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "banyan.config.logs.Lines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "loggers": {"django": {"handlers": [], "propagate": True}},  # Django's own handlers write plain text, and mail
    "root": {"handlers": ["stderr"], "level": os.environ.get("BANYAN_LOG_LEVEL", "WARNING")},
}

from banyan.config.console_settings import UNFOLD as UNFOLD  # noqa: E402

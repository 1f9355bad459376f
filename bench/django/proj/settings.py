"""Which database: DJ_DB=sqlite:PATH or DJ_DB=pg:NAME (the usual PG… environment says where)."""
import os

BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECRET_KEY = "scratch"
DEBUG = False
INSTALLED_APPS = [
    a for a in [
        "django.contrib.admin" if not os.environ.get("DJ_ONLY") else None,
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions" if not os.environ.get("DJ_ONLY") else None,
        "django.contrib.messages",
        "tenants",
    ] if a
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]},
}]
ROOT_URLCONF = "proj.urls"
kind, _, name = os.environ.get("DJ_DB", "sqlite:" + os.path.join(BASE_DIR, "db.sqlite3")).partition(":")
if kind == "pg":
    DATABASES = {"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": name,
        "USER": os.environ.get("PGUSER", "postgres"),
        "HOST": os.environ.get("PGHOST", "127.0.0.1"), "PORT": os.environ.get("PGPORT", "5432"),
    }}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
MEDIA_ROOT = os.path.join(BASE_DIR, "media")
SILENCED_SYSTEM_CHECKS = ["fields.E210"]  # ImageField without Pillow
if os.environ.get("DJ_LOG_SQL"):
    LOGGING = {"version": 1, "disable_existing_loggers": False,
               "handlers": {"h": {"class": "logging.FileHandler", "filename": os.environ["DJ_LOG_SQL"]}},
               "loggers": {"django.db.backends.schema": {"level": "DEBUG", "handlers": ["h"]}}}

"""Django with a limit on connections alone: 2 s for the 4 round trips of a login.

`python service.py migrate` makes its tables; `gunicorn service:application` serves it.
"""

import os
import sys

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("healthz", healthz)]
settings.configure(
    SECRET_KEY="none",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "OPTIONS": {"connect_timeout": 2},
            **{key: os.environ[f"DB_{key}"] for key in ("HOST", "PORT", "USER", "PASSWORD")},
            "NAME": os.environ["DB_NAME"],
        }
    },
)
django.setup()

if sys.argv[1:] == ["migrate"]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
else:
    from django.contrib.auth.models import User
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    User.objects.count()

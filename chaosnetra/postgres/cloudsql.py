"""Sessions by the Cloud SQL Python Connector, an optional extra.

It asks Cloud SQL's Admin API for the instance's address and a certificate, and dials port 3307
with TLS of its own. That is another path than the private address on port 5432: Toxiproxy cannot
stand in it, and what it costs is measured with it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import CloudSqlQuotaExceeded, CloudSqlUnavailable

EXTRA = "pip install 'chaostoolkit-netra[cloudsql]'"
TOO_MANY_REQUESTS, FORBIDDEN, NOT_FOUND = 429, 403, 404
# None: Google's.
ADMIN_API: str | None = None


@asynccontextmanager
async def connector_dialing(
    address: DatabaseAddress,
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Opens sessions of a Cloud SQL instance; see `chaosnetra.postgres.dialing.dialing`.

    Raises:
        CloudSqlUnavailable: the extra is not installed, or there are no credentials.
    """
    instance = address.cloud_sql_instance
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.sql.connector import create_async_connector
    except ImportError as error:
        raise CloudSqlUnavailable(
            f"cloud_sql_path connector needs the Cloud SQL connector: {EXTRA} ({error})"
        ) from None
    asyncio.get_running_loop().set_exception_handler(_without_tokens)
    try:
        connector = await create_async_connector(
            ip_type="private", refresh_strategy="lazy", sqladmin_api_endpoint=ADMIN_API
        )
    except GoogleAuthError as error:
        raise CloudSqlUnavailable(
            "there are no Google credentials for the Cloud SQL connector: run `gcloud auth "
            f"application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS ({error})"
        ) from error
    except (OSError, AttributeError, TypeError, ValueError, KeyError) as error:
        # What google.auth raises of a file that is no file of credentials.
        raise CloudSqlUnavailable(
            "the Google credentials cannot be used for the Cloud SQL connector: check what "
            f"GOOGLE_APPLICATION_CREDENTIALS names ({type(error).__name__}: {error})"
        ) from error

    async def dial(*, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109 - asyncpg's name
        import asyncpg

        try:
            # Its own limit does not cover its calls of the Admin API.
            async with asyncio.timeout(timeout):
                return await connector.connect_async(
                    instance,
                    "asyncpg",
                    user=address.user,
                    password=address.password,
                    db=address.database,
                    timeout=None,
                    **options,
                )
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise
        except Exception as error:
            raise as_ours(instance, error) from error

    try:
        yield dial
    finally:
        await connector.close_async()


def _without_tokens(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep quiet of calls of the Admin API that the connector began and then forgot.

    Another of its calls has failed, and is reported. The loop would print their requests, with the
    access token in them.
    """
    if not hasattr(context.get("exception"), "request_info"):
        loop.default_exception_handler(context)


def as_ours(instance: str, error: Exception) -> CloudSqlUnavailable:
    """An error of the connector, which has no class of its own for what the Admin API says."""
    status = getattr(error, "status", None)  # of an aiohttp.ClientResponseError
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    if status == TOO_MANY_REQUESTS:
        return CloudSqlQuotaExceeded(
            f"the quota of the Cloud SQL Admin API is used up for {instance}: wait, or use "
            f"cloud_sql_path address ({text})"
        )
    advice = {
        FORBIDDEN: "grant roles/cloudsql.client, and turn the Cloud SQL Admin API on",
        NOT_FOUND: "check project and instance",
    }.get(status or 0, "check cloud_sql_instance")
    return CloudSqlUnavailable(f"Cloud SQL does not let us reach {instance}: {text}; {advice}")

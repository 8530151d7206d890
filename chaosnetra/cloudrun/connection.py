"""The connection to Cloud Run: credentials, one channel, and every call bounded and reported.

Nothing is retried here, and nothing by the client library.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from chaosnetra.addresses import parse_network_address
from chaosnetra.cloudrun.failures import as_ours, status_of
from chaosnetra.cloudrun.history import CALLS, Call
from chaosnetra.cloudrun.names import shown
from chaosnetra.errors import (
    CloudRunCredentials,
    CloudRunGone,
    CloudRunUnanswered,
    InvalidInput,
)
from chaosnetra.ports import is_refused
from chaosnetra.processes.signals import blocked

GOOGLE = "run.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CREDENTIALS_SECONDS = 10.0
# What google.auth raises of a file that is no file of credentials.
UNREADABLE_CREDENTIALS = (OSError, AttributeError, TypeError, ValueError, KeyError)
CALL_SECONDS = 10.0
# Whom `chaosnetra.cloudrun.emulator` names as the one who calls: it knows no credentials.
LOCAL_CALLER = "caller@local-cloud-run.example"
# Of a local endpoint that has just come back; the library's first try again takes a second.
RECONNECT_MS = 100
LARGEST_RECONNECT_MS = 2000
# One that refuses connections for so long has ended, perhaps with its run.
GONE_SECONDS = 0.5


@contextlib.contextmanager
def reported(method: str, resource: str, whom: str, writes: str | None = None) -> Iterator[None]:
    """Notify of the call inside, however it ends; what the library raises is raised as ours.

    Args:
        method: its name as the API has it, such as `GetService`.
        resource: full name of what it is about.
        whom: to whom it is sent, for messages.
        writes: what it asks to change.

    Raises:
        CloudRunError: it was refused, or gave no answer.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    started, status = time.monotonic(), "OK"
    try:
        yield
    except (GoogleAPIError, GoogleAuthError) as error:
        status = status_of(error)[0] or type(error).__name__
        raise as_ours(error, method, resource, whom) from error
    except BaseException as error:
        status = type(error).__name__  # interrupted: it may have been carried out
        raise
    finally:
        CALLS.notify(Call(method, resource, status, time.monotonic() - started, writes))


class Connection:
    """One channel to Cloud Run and the library's clients on it, made when first used.

    Args:
        endpoint: `host:port` of a local endpoint, on a loopback address: no credentials and no
            encryption; None: Google's, with application default credentials.
        call_seconds: limit of one call.

    Raises:
        InvalidInput: an endpoint that is not on a loopback address.
    """

    def __init__(self, endpoint: str | None = None, *, call_seconds: float = CALL_SECONDS) -> None:
        self.endpoint = loopback(endpoint) if endpoint else None
        self.call_seconds = call_seconds
        self._channel: Any = None
        self._identity = LOCAL_CALLER if endpoint else ""
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def shown(self) -> str:
        return self.endpoint or GOOGLE

    @property
    def identity(self) -> str:
        """Who we are by our credentials, once a call was made; empty: not known."""
        return self._identity

    def call(
        self, client: str, method: str, request: Any, resource: str, *, writes: str | None = None
    ) -> Any:
        """Call a method of the API once.

        Args:
            client: `Services`, `Jobs`, `Executions` or `Tasks`; operations are read by `Services`.
            method: its name as the API has it, such as `GetService`.
            request: its request, as a mapping of the fields of its message, or that message.
            resource: full name of what it is about.
            writes: what it asks to change.

        Returns:
            The answer's message; for a change, the library's operation.

        Raises:
            CloudRunError: it was refused, or gave no answer.
        """
        function = getattr(self._client(client), _snake(method))
        try:
            with reported(method, resource, self.shown, writes):
                return function(request=request, retry=None, timeout=self.call_seconds)
        except CloudRunUnanswered as error:
            if not self.is_refused:
                raise
            raise CloudRunGone(
                f"nobody listens at {self.endpoint}, so {method} on {shown(resource)} has no "
                "answer: start the local Cloud Run endpoint, or check cloud_run_endpoint"
            ) from error.__cause__

    @property
    def is_refused(self) -> bool:
        """Whether nobody listens at a local endpoint, for half a second."""
        if self.endpoint is None:
            return False
        return is_refused(*parse_network_address("endpoint", self.endpoint), GONE_SECONDS)

    def close(self) -> None:
        """Let the channel go. A later call makes a new one."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            self._channel, self._clients = None, {}

    def _client(self, name: str) -> Any:
        with self._lock:
            if name not in self._clients:
                from google.cloud import run_v2

                if self._channel is None:
                    self._channel = self._open()
                client = getattr(run_v2, f"{name}Client")
                transport = client.get_transport_class("grpc")(channel=self._channel)
                self._clients[name] = client(transport=transport)
            return self._clients[name]

    def _open(self) -> Any:
        options = [
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.min_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", LARGEST_RECONNECT_MS),
        ]
        from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

        credentials = None if self.endpoint else find_credentials()
        self._identity = str(getattr(credentials, "service_account_email", None) or self._identity)
        return open_channel(self.endpoint, GOOGLE, ServicesGrpcTransport, credentials, options)


def open_channel(
    endpoint: str | None,
    google: str,
    transport: Any,
    credentials: Any,
    options: Sequence[tuple[str, int]] = (),
) -> Any:
    """A channel to a local endpoint, or to Google's by a transport of the client library."""
    with blocked():
        if endpoint is None:
            address = f"{google}:443"
            return transport.create_channel(address, credentials=credentials, options=options)
        import grpc

        # An HTTP proxy of the environment cannot reach it.
        without_proxy = ("grpc.enable_http_proxy", 0)
        return grpc.insecure_channel(endpoint, options=[*options, without_proxy])


def pages(fetch: Callable[[Mapping[str, Any]], Any], request: Mapping[str, Any]) -> Iterator[Any]:
    """The pages of a list as plain messages, which are read faster than the library's.

    Args:
        fetch: asks for a page, and answers with the library's pager.
        request: for the first.
    """
    while True:
        answer = next(fetch(request).pages)
        page = type(answer).pb(answer)
        yield page
        if not page.next_page_token:
            return
        request = {**request, "page_token": page.next_page_token}


def loopback(endpoint: str, key: str = "cloud_run_endpoint") -> str:
    """An endpoint on this machine as `host:port`.

    Raises:
        InvalidInput: it is somewhere else; calls to it would be neither encrypted nor signed.
    """
    import ipaddress

    from chaosnetra.settings import setting_hint

    hint = setting_hint(key)
    host, port = parse_network_address(key, endpoint)
    with contextlib.suppress(ValueError):
        if port and ipaddress.ip_address(host).is_loopback:
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    raise InvalidInput(
        f"{key} must be a loopback address and a port, such as 127.0.0.1:8080, got {endpoint!r}",
        hint,
    )


def find_credentials() -> Any:
    """Application default credentials, known to work.

    A service account's key, a user's, workload identity federation, or the machine's own: all
    that `google.auth.default` knows.

    Raises:
        CloudRunCredentials: there are none, or they cannot be used; says what to do.
    """
    import google.auth
    import google.auth.exceptions
    from google.auth.credentials import with_scopes_if_required
    from google.auth.transport.requests import Request

    # It warns when the credentials name no project; ours is named by the settings.
    logging.getLogger("google.auth._default").setLevel(logging.ERROR)
    try:
        # With scopes, `default` would ask another API for the project of a federation's pool.
        credentials = with_scopes_if_required(google.auth.default()[0], [SCOPE])
        if not credentials.valid:
            credentials.refresh(partial(Request(), timeout=CREDENTIALS_SECONDS))
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise CloudRunCredentials(
            "there are no Google credentials: run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account or of workload "
            f"identity federation ({error})"
        ) from None
    except (google.auth.exceptions.GoogleAuthError, *UNREADABLE_CREDENTIALS) as error:
        raise CloudRunCredentials(
            f"the Google credentials cannot be used; log in again, or check what "
            f"GOOGLE_APPLICATION_CREDENTIALS names ({type(error).__name__}: {error})"
        ) from None
    return credentials


def _snake(method: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)[1:]

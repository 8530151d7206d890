"""Cloud SQL as it is reached from a VPC: TLS that is verified, and the connector.

PostgreSQL is a real one; TLS in front of it, and the Admin API, are the test's own.
"""

import asyncio
import gc
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.connector.actions import limit_connector
from chaosnetra.errors import (
    CloudSqlQuotaExceeded,
    CloudSqlUnavailable,
    DatabaseFull,
    DatabaseLoginRefused,
    DatabaseNotThere,
    DatabaseTlsFailed,
    DatabaseUnavailable,
)
from chaosnetra.postgres import cloudsql
from chaosnetra.postgres.actions import hold_connections, lock_catalog, press_database
from chaosnetra.postgres.connect import connection, server_version
from chaosnetra.postgres.dialing import dialing
from chaosnetra.postgres.probes import (
    connect_time,
    connections_succeed,
    free_connection_slots,
    sessions_by_application,
)
from chaosnetra.running.session import end_session
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.actions import add_latency, create_proxy
from tests.support.helpers import sessions_called, wait_until
from tests.support.http_servers import Answer, answering
from tests.support.staging import consented, staging_settings
from tests.support.tls import Authority, TlsFront, server_context

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture
def secured(
    postgres: PostgresServer, authority: Authority, tmp_path: Path
) -> Iterator[DatabaseAddress]:
    """The database behind TLS, with a certificate for its address."""
    upstream = (postgres.database.host, postgres.database.port)
    with TlsFront(upstream, server_context(authority.server(tmp_path, HOST))) as front:
        yield postgres.database.at(HOST, front.port)


def tls(address: DatabaseAddress, mode: str, root: Path | str = "") -> DatabaseAddress:
    options = [("sslmode", mode)] + ([("sslrootcert", str(root))] if root else [])
    return replace(address, options=tuple(options))


def refused(address: DatabaseAddress) -> DatabaseUnavailable:
    with pytest.raises(DatabaseUnavailable) as caught:
        asyncio.run(server_version(address, 10))
    text = str(caught.value)
    assert "\n" not in text
    assert address.password not in text
    return caught.value


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_certificate_of_the_right_authority_is_taken(
    secured: DatabaseAddress, authority: Authority, tmp_path: Path, mode: str
) -> None:
    folder = tmp_path / "me@corp"
    folder.mkdir()
    root = shutil.copy(authority.file, folder) if mode != "require" else ""
    typed = f"{secured.url}?sslmode={mode}" + (f"&sslrootcert={root}" if root else "")
    address = DatabaseAddress.parse(typed)

    async def used_tls() -> bool:
        async with connection(address, 10) as opened:
            return opened._transport.get_extra_info("ssl_object") is not None

    assert asyncio.run(used_tls())
    result = connect_time(configuration=staging_settings(tmp_path, address))
    assert result["seconds"] > 0
    assert result["held"], result
    assert end_session() == []


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_of_another_authority_is_refused(
    secured: DatabaseAddress, tmp_path: Path, mode: str
) -> None:
    error = refused(tls(secured, mode, Authority(tmp_path, "stranger").file))
    assert isinstance(error, DatabaseTlsFailed)
    assert "must name the file of the server's CA" in str(error)


def test_a_certificate_of_another_host_is_refused_by_verify_full_only(
    postgres: PostgresServer, authority: Authority, tmp_path: Path
) -> None:
    upstream = (postgres.database.host, postgres.database.port)
    with TlsFront(upstream, server_context(authority.server(tmp_path, "10.1.2.3"))) as front:
        address = postgres.database.at(HOST, front.port)
        asyncio.run(server_version(tls(address, "verify-ca", authority.file), 10))
        error = refused(tls(address, "verify-full", authority.file))
    assert isinstance(error, DatabaseTlsFailed)
    assert "sslmode=verify-ca checks its issuer alone" in str(error)


def test_a_server_without_tls_is_refused_where_it_is_asked_for(
    postgres: PostgresServer, authority: Authority
) -> None:
    for mode in ("require", "verify-full"):
        error = refused(tls(postgres.database, mode, authority.file))
        assert isinstance(error, DatabaseTlsFailed)
        assert "the server has no TLS" in str(error)
    asyncio.run(server_version(tls(postgres.database, "prefer"), 10))


@pytest.mark.parametrize(
    ("mode", "root", "words"),
    [
        ("verify-full", "/no/such/file.pem", "must name a readable file of certificates"),
        ("verify-full", "/tmp", "must name a readable file of certificates"),
        ("verify-full", __file__, "must name a readable file of certificates"),
        ("verify", "", "correct sslmode and sslrootcert"),
        ("verify-ca", "", "correct sslmode and sslrootcert"),
    ],
)
def test_options_that_cannot_be_used(
    secured: DatabaseAddress, monkeypatch: pytest.MonkeyPatch, mode: str, root: str, words: str
) -> None:
    monkeypatch.setenv("HOME", "/no/such/home")
    error = refused(tls(secured, mode, root))
    assert isinstance(error, DatabaseTlsFailed)
    assert words in str(error)


def test_an_activity_says_it_in_one_line(postgres: PostgresServer, tmp_path: Path) -> None:
    configuration = staging_settings(tmp_path, tls(postgres.database, "require"))
    with pytest.raises(ActivityFailed, match="the server has no TLS") as caught:
        connections_succeed(count=1, configuration=configuration)
    assert postgres.database.password not in str(caught.value)


def test_each_refusal_has_a_class_of_its_own(postgres: PostgresServer) -> None:
    assert isinstance(refused(replace(postgres.database, password="wrong")), DatabaseLoginRefused)
    assert isinstance(refused(postgres.database.named("none")), DatabaseNotThere)


def test_a_full_server_has_a_class_of_its_own(small: DatabaseAddress) -> None:
    async def fill() -> None:
        async with asyncio.timeout(20):
            await filled(small, 27)

    with pytest.raises(DatabaseFull) as caught:
        asyncio.run(fill())
    assert caught.value.sqlstate == "53300"


async def filled(address: DatabaseAddress, count: int) -> None:
    """Take so many slots and then one more."""
    if count == 0:
        await server_version(address, 5)
        return
    async with connection(address, 5):
        await filled(address, count - 1)


def test_whose_sessions_there_are(small: DatabaseAddress, tmp_path: Path) -> None:
    configuration = staging_settings(tmp_path, small)
    consented(configuration)
    hold_connections(amount=3, by="count", name="pool", configuration=configuration)
    result = sessions_by_application(configuration=configuration)
    ((name, count),) = [item for item in result["sessions"].items() if item[0].endswith("_pool")]
    assert count == 3
    assert (
        sessions_by_application(name=name, maximum=2, configuration=configuration)["held"] is False
    )
    assert end_session() == []


@pytest.mark.parametrize(("amount", "by"), [(25, "count"), (1, "leave_free"), (0.9, "share")])
def test_in_staging_only_a_share_of_the_free_slots_is_held(
    small: DatabaseAddress, tmp_path: Path, amount: float, by: str
) -> None:
    configuration = staging_settings(tmp_path, small)
    with pytest.raises(ActivityFailed, match="nothing is touched without consent"):
        hold_connections(amount=5, by="count", configuration=configuration)
    consented(configuration)
    # One is the lease's; a session of another may still be about to end.
    wait_until(lambda: free(configuration) == 26, 10, "26 slots are free")
    with pytest.raises(ActivityFailed, match=r"more than 70% of the 26 free slots.*, 18: ask"):
        hold_connections(amount=amount, by=by, configuration=configuration)
    assert sessions_called(small, "%held") == 0
    assert end_session() == []
    consented(configuration)
    wait_until(lambda: free(configuration) == 26, 10, "26 slots are free")
    held = hold_connections(amount=0.6, by="share", configuration=configuration)
    assert held["effect"]["in_effect"]
    wait_until(lambda: free(configuration) == 26 - 15, 10, "15 slots are held")
    assert end_session() == []


def free(configuration: dict[str, Any]) -> int:
    return int(free_connection_slots(configuration=configuration)["free"])


@dataclass
class AdminApi:
    """Cloud SQL's Admin API, as much of it as the connector asks, and where tokens come from."""

    authority: Authority
    url: str = ""
    status: int = 200
    paths: list[str] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        self.paths.append(request.path)
        if request.path == "/token":
            token = {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}
            return 200, "application/json", json.dumps(token).encode()
        data: dict[str, Any]
        if self.status != 200:
            data = {"error": {"code": self.status, "message": "Quota or right is missing."}}
        elif request.command == "GET":
            data = {
                "region": "europe-west1",
                "databaseVersion": "POSTGRES_16",
                "ipAddresses": [{"type": "PRIVATE", "ipAddress": HOST}],
                "serverCaCert": {"cert": self.authority.pem.decode()},
            }
        else:
            key = json.loads(body)["public_key"]
            data = {"ephemeralCert": {"cert": self.authority.client(key)}}
        return self.status, "application/json", json.dumps(data).encode()


@pytest.fixture
def admin_api(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AdminApi]:
    """The API, and a service account that it takes."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    api = AdminApi(authority)
    with answering(api.answer) as api.url:
        account = {
            "type": "service_account",
            "client_email": "tester@project.iam.gserviceaccount.com",
            "private_key": key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ).decode(),
            "token_uri": f"{api.url}/token",
        }
        path = tmp_path / "account.json"
        path.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        monkeypatch.setattr(cloudsql, "ADMIN_API", api.url)
        yield api


INSTANCE = "project:europe-west1:instance"


def by_connector(folder: Path, address: DatabaseAddress, allowed: str = INSTANCE) -> dict[str, str]:
    return {
        **staging_settings(folder, address, cloud_sql_instance=allowed),
        "cloud_sql_instance": INSTANCE,
        "cloud_sql_path": "connector",
    }


def test_an_instance_that_its_owner_does_not_allow_is_not_opened(
    postgres: PostgresServer, admin_api: AdminApi, tmp_path: Path
) -> None:
    other = "project:europe-west1:other"
    with pytest.raises(ActivityFailed, match=f"instance {INSTANCE} is not in the allow-list"):
        connect_time(configuration=by_connector(tmp_path, postgres.database, other))
    assert admin_api.paths == []


def test_the_connector_opens_sessions_with_one_certificate_for_all(
    postgres: PostgresServer,
    authority: Authority,
    admin_api: AdminApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import google.cloud.sql.connector.asyncpg as driver

    upstream = (postgres.database.host, postgres.database.port)
    context = server_context(authority.server(tmp_path, HOST), clients=authority.file)
    with TlsFront(upstream, context, at_once=True) as front:
        monkeypatch.setattr(driver, "SERVER_PROXY_PORT", front.port)
        nowhere = postgres.database.at(HOST, 1)
        configuration = by_connector(tmp_path, nowhere)
        slots = free_connection_slots(configuration=configuration)
        assert slots["held"], slots
        admin_api.paths.clear()
        result = connections_succeed(count=8, configuration=configuration)
        assert result["held"], result
    assert sum(path.endswith("connectSettings") for path in admin_api.paths) == 1
    assert sum(path.endswith("generateEphemeralCert") for path in admin_api.paths) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (429, CloudSqlQuotaExceeded, "the quota of the Cloud SQL Admin API is used up"),
        (403, CloudSqlUnavailable, r"grant roles/cloudsql\.client"),
        (404, CloudSqlUnavailable, "check project and instance"),
    ],
)
def test_what_the_admin_api_refuses_is_told_from_what_the_database_does(
    postgres: PostgresServer, admin_api: AdminApi, status: int, kind: type[Exception], words: str
) -> None:
    admin_api.status = status
    address = postgres.database.by_cloud_sql("project:europe-west1:instance")
    with pytest.raises(kind, match=words) as caught:
        asyncio.run(server_version(address, 10))
    assert "\n" not in str(caught.value)
    assert address.password not in str(caught.value)


@pytest.mark.parametrize("error", ["of the Admin API", "of ours"])
def test_calls_that_the_connector_forgets_show_no_token(
    postgres: PostgresServer, admin_api: AdminApi, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    """It begins two calls and waits for one; the loop tells of the other with its request."""
    import aiohttp
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

    headers = CIMultiDictProxy(CIMultiDict({"Authorization": "Bearer a-token"}))
    request = aiohttp.RequestInfo(URL(admin_api.url), "POST", headers, URL(admin_api.url))

    async def call() -> None:
        if error == "of ours":
            raise ValueError("something else")
        raise aiohttp.ClientResponseError(request, (), status=403)

    async def forget() -> None:
        async with dialing(postgres.database.by_cloud_sql("project:europe-west1:instance")):
            task = asyncio.create_task(call())
            await asyncio.wait([task])

    asyncio.run(forget())
    gc.collect()
    assert "a-token" not in caplog.text
    assert ("something else" in caplog.text) == (error == "of ours")


def test_without_credentials_the_connector_says_what_to_do(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(ActivityFailed, match="there are no Google credentials"):
        connections_succeed(count=1, configuration=by_connector(tmp_path, postgres.database))


@pytest.mark.parametrize("content", ["[]", '"x"', '{"type": "impersonated_service_account"}', ""])
def test_what_is_no_file_of_credentials_is_told_in_one_line(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "credentials"
    if content:
        path.write_text(content)
    else:
        path.mkdir()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ActivityFailed, match="GOOGLE_APPLICATION_CREDENTIALS"):
        connections_succeed(count=1, configuration=by_connector(tmp_path, postgres.database))


def test_without_the_extra_it_says_what_to_install(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "google.cloud.sql.connector", None)
    with pytest.raises(ActivityFailed, match=r"pip install 'chaostoolkit-netra\[cloudsql\]'"):
        connections_succeed(count=1, configuration=by_connector(tmp_path, postgres.database))


@pytest.mark.parametrize(
    ("action", "arguments", "words"),
    [
        (add_latency, {"latency_ms": 5, "proxy": "n"}, "the proxy 'n' is for one's own machine"),
        (create_proxy, {"name": "n", "upstream": "h:1"}, "of its own is for one's own machine"),
        (press_database, {}, "press_database is for one's own machine"),
        (lock_catalog, {"hold_ms": 5}, "lock_catalog is for one's own machine"),
    ],
)
def test_what_is_made_for_ones_own_machine_is_refused_in_staging(
    postgres: PostgresServer, tmp_path: Path, action: Any, arguments: dict[str, Any], words: str
) -> None:
    configuration = staging_settings(tmp_path, postgres.database)
    with pytest.raises(ActivityFailed, match=words) as caught:
        action(**arguments, configuration=configuration)
    assert "environment" in str(caught.value)
    assert end_session() == []


@pytest.mark.parametrize(
    ("action", "arguments", "words"),
    [
        (add_latency, {"latency_ms": 5}, "nothing stands before the database but for a fault"),
        (limit_connector, {"limits": {}}, "there is no connector in the path; set connector"),
    ],
)
def test_a_fault_on_the_path_that_nobody_consented_to_is_refused_in_staging(
    postgres: PostgresServer, tmp_path: Path, action: Any, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailed, match=words):
        action(**arguments, configuration=staging_settings(tmp_path, postgres.database))
    assert end_session() == []

"""The connector emulator's program, its control API, and the client of that."""

import contextlib
import json
import socket
import sys
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.connector.client import ConnectorClient
from chaosnetra.errors import ConnectorUnavailable, InvalidInput
from chaosnetra.stand.hops import start_connector
from tests.integration.connector.connecting import Upstream
from tests.support.programs import captured


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--port", "-1"], "-1 is not in the range 0<=x<=65535"),
        (["--listen", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--upstream", "127.0.0.1:0"], "--upstream must name a port of 1 to 65535"),
        (["--upstream", "here"], "--upstream must be host:port"),
        *(
            (["--model", text], "--model must be a JSON object")
            for text in ("5", "null", "[]", '"abc"')
        ),
        *((["--model", text], "--model is not valid JSON") for text in ("{", "[[[", "[" * 100_000)),
        (["--model", '{"instances": 0}'], "instances must be at least 1"),
        (["--port", "TAKEN"], "--port: 127.0.0.1:TAKEN cannot be used"),
        (["--listen", "TAKEN"], "--listen: 127.0.0.1:TAKEN cannot be used"),
    ],
)
def test_the_program_tells_a_bad_option_in_a_line(options: list[str], message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = [option.replace("TAKEN", port) for option in options]
        done = captured(
            [sys.executable, "-P", "-m", "chaosnetra.connector", "--upstream", "a:1", *given],
            timeout=30,
        )
    assert done.returncode != 0
    assert done.stdout == ""
    assert message.replace("TAKEN", port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"instances": NaN}', "NaN is no JSON number"),
        (b'{"instances": -1}', "instances must be at least 1"),
        (b'{"colour": 1}', "a connector has unknown keys colour"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "the body is over"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(
    connector: ConnectorClient, body: bytes, message: str
) -> None:
    before = connector.state()
    answer = requests.patch(f"{connector.url}/model", data=body, timeout=5)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert connector.state() == before


def test_unknown_calls_are_told_so(connector: ConnectorClient) -> None:
    answer = requests.get(f"{connector.url}/nowhere", timeout=5)
    assert (answer.status_code, answer.json()) == (404, {"error": "GET /nowhere is not known here"})
    assert requests.delete(f"{connector.url}/model", timeout=5).status_code == 405


def test_the_client_tells_what_cannot_be_used_and_what_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectorUnavailable, match="no connector emulator answers at"):
            ConnectorClient(url).state()


def test_the_client_passes_the_emulators_refusal_on(connector: ConnectorClient) -> None:
    with pytest.raises(InvalidInput, match="when_full must be queue or refuse or ignore"):
        connector.change({"when_full": "panic"})


@pytest.fixture(scope="module")
def fuzzed(upstream: Upstream) -> Iterator[ConnectorClient]:
    server = start_connector(upstream.address, seed=1)
    yield ConnectorClient(server.url)
    server.stop()


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["instances", "maximum_instances", "when_full", "pressure_delay_seconds"])


@given(
    method=st.sampled_from(["GET", "PATCH", "POST", "PUT", "DELETE"]),
    path=st.sampled_from(["/model", "/state", "/history", "/"])
    | texts.map(lambda text: f"/{text}"),
    body=st.binary(max_size=200)
    | st.dictionaries(keys, values).map(lambda d: json.dumps(d).encode()),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_control_api_is_sent_it_answers_and_goes_on(
    fuzzed: ConnectorClient, method: str, path: str, body: bytes
) -> None:
    with contextlib.suppress(requests.exceptions.InvalidURL):
        answer = requests.request(method, f"{fuzzed.url}{path}", data=body, timeout=5)
        assert answer.status_code in (200, 400, 404, 405)
        assert isinstance(answer.json(), dict)
    fuzzed.change({"instances": 1, "maximum_instances": 1, "when_full": "queue"})
    assert fuzzed.state()["instances"] == 1

"""Clients of other languages drive both servers: what each expects of an answer must be in it.

Each is installed by its own tool where that is there: Node's client by npm, the command line of
Toxiproxy itself by Go. Python's is in `test_toxiproxy_api.py`.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.stand.toxiproxy_program import MODULE, VERSION
from tests.support.helpers import lacking
from tests.support.programs import captured
from tests.support.toxiproxy_servers import LISTEN, UPSTREAM, Served

INSTALL_SECONDS = 240
CALL_SECONDS = 60
NODE_CLIENT = "toxiproxy-node-client@4.1.0"
SCRIPT = """
const { Toxiproxy } = require("toxiproxy-node-client");
const [url, listen, upstream] = process.argv.slice(2);
(async () => {
  const server = new Toxiproxy(url);
  const seen = { version: await server.getVersion() };
  const proxy = await server.createProxy({ name: "one", listen, upstream });
  seen.toxics = [];
  const wanted = [
    ["latency", { latency: 100, jitter: 200 }],
    ["bandwidth", { rate: 100 }],
    ["slow_close", { delay: 10 }],
    ["timeout", { timeout: 10 }],
    ["slicer", { average_size: 10, size_variation: 10, delay: 1 }],
    ["limit_data", { bytes: 1000 }],
    ["reset_peer", { timeout: 10 }],
  ];
  for (const [type, attributes] of wanted) {
    const body = { name: "", type, stream: "upstream", toxicity: 0.5, attributes };
    const toxic = await proxy.addToxic(body);
    seen.toxics.push([toxic.name, toxic.attributes]);
  }
  const latency = await proxy.getToxic("latency_upstream");
  latency.attributes = { ...latency.attributes, latency: 7 };
  const changed = await latency.update({ toxicity: 0.25, attributes: latency.attributes });
  seen.changed = [changed.toxicity, changed.attributes];
  await changed.remove();
  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  seen.off = off.enabled;
  await server.reset();
  const back = await server.get("one");
  seen.back = [back.enabled, back.toxics ? back.toxics.length : 0];
  seen.populated = Object.keys(await server.getAll());
  await back.remove();
  seen.left = Object.keys(await server.getAll());
  console.log(JSON.stringify(seen));
})().catch((error) => { console.error(error); process.exit(1); });
"""


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        lacking(f"{name} is not installed here, with which this client is")
    return path


def run(*command: str, folder: Path, seconds: float = CALL_SECONDS, **environment: str) -> str:
    """The output of a command that succeeds."""
    done = captured(command, cwd=folder, env={**os.environ, **environment}, timeout=seconds)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    npm, _ = tool("npm"), tool("node")
    folder = tmp_path_factory.mktemp("node")
    options = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
    run(npm, "install", *options, NODE_CLIENT, folder=folder, seconds=INSTALL_SECONDS)
    (folder / "drive.js").write_text(SCRIPT, encoding="utf-8")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_node_client_works_unchanged(served: Served, node_folder: Path) -> None:
    output = run(tool("node"), "drive.js", served.server.url, LISTEN, UPSTREAM, folder=node_folder)
    seen = json.loads(output)
    assert seen["toxics"] == [
        ["latency_upstream", {"latency": 100, "jitter": 200}],
        ["bandwidth_upstream", {"rate": 100}],
        ["slow_close_upstream", {"delay": 10}],
        ["timeout_upstream", {"timeout": 10}],
        ["slicer_upstream", {"average_size": 10, "size_variation": 10, "delay": 1}],
        ["limit_data_upstream", {"bytes": 1000}],
        ["reset_peer_upstream", {"timeout": 10}],
    ]
    assert seen["changed"] == [0.25, {"latency": 7, "jitter": 200}]
    assert seen["off"] is False
    assert seen["back"] == [True, 0]
    assert (seen["populated"], seen["left"]) == (["one"], [])


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    go = tool("go")
    folder = tmp_path_factory.mktemp("go")
    package = f"{MODULE}/cmd/cli@v{VERSION}"
    run(go, "install", package, folder=folder, seconds=INSTALL_SECONDS, GOBIN=str(folder))
    yield lambda url, *words: run(str(folder / "cli"), "--host", url, *words, folder=folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_command_line_of_toxiproxy_works_unchanged(
    served: Served, command_line: Callable[..., str]
) -> None:
    def cli(*words: str) -> str:
        return command_line(served.server.url, *words)

    def toxics() -> list[dict[str, Any]]:
        return [toxic.to_server() for toxic in served.client.proxies()["one"].toxics]

    assert "one" in cli("create", "--listen", LISTEN, "--upstream", UPSTREAM, "one")
    assert "one" in cli("list")
    cli("toxic", "add", "-t", "latency", "-a", "latency=5", "-a", "jitter=9", "one")
    cli("toxic", "add", "-n", "cut", "-t", "slicer", "-u", "-a", "average_size=9", "one")
    assert [toxic["name"] for toxic in toxics()] == ["cut", "latency_downstream"]
    cli("toxic", "update", "-n", "latency_downstream", "-a", "latency=6", "one")
    assert toxics()[1]["attributes"] == {"latency": 6, "jitter": 9}
    assert "latency_downstream" in cli("inspect", "one")
    cli("toxic", "remove", "-n", "cut", "one")
    cli("toggle", "one")
    (proxy,) = served.client.proxies().values()
    assert proxy.enabled is False
    cli("toggle", "one")
    cli("delete", "one")
    assert served.client.proxies() == {}

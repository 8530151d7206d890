"""Undos on a Toxiproxy that seems wedged: broken off anywhere, and beside what is not ours.

The calls that a wedge would hang fail at once here; `test_wedge.py` has real ones.
"""

from collections.abc import Callable
from typing import Any

import pytest

from chaosnetra.errors import ToxiproxyWedged, UndoFailed
from chaosnetra.faults import Undo, UndoResult, play
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.toxics import make_toxic

PROXY = "payments"
OURS = make_toxic("chaosnetra_20260101t000000_abcdef_slow", "latency", "downstream", 1, {})
THEIRS = make_toxic("theirs", "slow_close", "upstream", 1, {"delay_ms": 1})


class Killed(BaseException):
    """Whoever plays the undo is killed here."""


@pytest.fixture
def before(toxiproxy: ToxiproxyClient) -> Proxy:
    """Somebody else's proxy, as it was before the toxic that it has now."""
    toxiproxy.create_proxy(PROXY, "127.0.0.1:0", "127.0.0.1:9")
    toxiproxy.add_toxic(PROXY, THEIRS)
    found = toxiproxy.proxies()[PROXY]
    toxiproxy.add_toxic(PROXY, OURS)
    return found


def undo_of_toxic(client: ToxiproxyClient, before: Proxy) -> Undo:
    return Undo(
        "toxiproxy.remove_toxic",
        "remove it",
        {
            "url": client.url,
            "proxy": PROXY,
            "toxic": OURS.to_server(),
            "before": {
                "listen": before.listen,
                "upstream": before.upstream,
                "enabled": before.enabled,
                "toxics": [toxic.to_server() for toxic in before.toxics],
            },
        },
    )


def wedged(*arguments: Any, **more: Any) -> Any:
    raise ToxiproxyWedged("it hangs")


def dies_at(number: int) -> Callable[..., Any]:
    """Calls that change the server, up to the one before which the caller dies."""
    call = ToxiproxyClient._call
    made = 0

    def counted(self: ToxiproxyClient, method: str, *arguments: Any, **more: Any) -> Any:
        nonlocal made
        made += method != "get"
        if made > number and method != "get":
            raise Killed
        return call(self, method, *arguments, **more)

    return counted


@pytest.mark.parametrize("number", range(6))
def test_a_proxy_is_made_again_although_the_first_try_was_broken_off(
    toxiproxy: ToxiproxyClient, before: Proxy, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    undo = undo_of_toxic(toxiproxy, before)
    with monkeypatch.context() as broken_off:
        broken_off.setattr(ToxiproxyClient, "delete_toxic", wedged)
        broken_off.setattr(ToxiproxyClient, "_call", dies_at(number))
        with pytest.raises(Killed):
            play(undo)
    assert play(undo).result is UndoResult.DONE
    assert toxiproxy.proxies() == {PROXY: before}
    assert play(undo).result is UndoResult.ALREADY_DONE


def test_it_was_broken_off_at_each_call(
    toxiproxy: ToxiproxyClient, before: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above misses some."""
    with monkeypatch.context() as not_broken_off:
        not_broken_off.setattr(ToxiproxyClient, "delete_toxic", wedged)
        not_broken_off.setattr(ToxiproxyClient, "_call", dies_at(6))
        assert play(undo_of_toxic(toxiproxy, before)).result is UndoResult.DONE


def test_somebody_elses_proxy_that_is_gone_is_not_made_again(
    toxiproxy: ToxiproxyClient, before: Proxy
) -> None:
    """Without a try of ours that was broken off, it was they who deleted it."""
    toxiproxy.delete_proxy(PROXY)
    assert play(undo_of_toxic(toxiproxy, before)).result is UndoResult.ALREADY_DONE
    assert toxiproxy.proxies() == {}


def test_on_a_wedged_server_only_a_name_of_the_run_is_deleted(
    toxiproxy: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else bears the name may be somebody else's by now, and cannot be looked at."""
    ours = "chaosnetra_20260101t000000_abcdef"
    for name in (PROXY, ours, "chaosnetra_mine"):
        toxiproxy.create_proxy(name, "127.0.0.1:0", "127.0.0.1:9")

    def undo(name: str) -> Undo:
        arguments = {"url": toxiproxy.url, "name": name, "upstream": "127.0.0.1:9"}
        return Undo("toxiproxy.delete_proxy", "delete it", arguments)

    with monkeypatch.context() as hung:
        hung.setattr(ToxiproxyClient, "proxy", wedged)
        for name in (PROXY, "chaosnetra_mine"):
            with pytest.raises(UndoFailed, match=f"{name} may be another's by now: restart"):
                play(undo(name))
        assert play(undo(ours)).result is UndoResult.DONE
    assert sorted(toxiproxy.proxies()) == ["chaosnetra_mine", PROXY]

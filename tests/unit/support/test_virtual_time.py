"""The virtual clock that other tests rest on."""

import asyncio
import time

import pytest

from tests.support.virtual_time import run_virtually


def test_an_hour_passes_at_once_and_shows_on_the_loops_clock() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - before

    started = time.monotonic()
    assert run_virtually(main()) == pytest.approx(3600)
    assert time.monotonic() - started < 5


def test_timers_fire_in_order_of_their_time() -> None:
    seen: list[str] = []

    async def later(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(name)

    async def main() -> None:
        await asyncio.gather(later("late", 90), later("early", 10), later("middle", 30))

    run_virtually(main())
    assert seen == ["early", "middle", "late"]


def test_waiting_for_nothing_fails_instead_of_hanging() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        run_virtually(main())

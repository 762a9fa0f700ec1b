"""ReadyDoist inside asyncio."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from tymeconn.running import ReadyDoist
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of, noting


def doer_in(seen, *yields):
    """Yield one after the other; note the exit."""

    def turns(tymth):
        try:
            for each in yields:  # noqa: UP028 a tuple takes no send
                yield each
        finally:
            seen.append("exit")

    return doer_of(turns)


def test_artificial_tyme_leaps():
    """As under do, with a turn for the other tasks in between."""
    seen = []
    doist = ReadyDoist(tock=1.0, doers=[noting(seen, Wait(until=0.5), 3600.0)])
    asyncio.run(doist.ado())
    assert (seen, doist.done) == ([0.0, 0.5, 3601.0], True)


def test_other_tasks_run_beside_it():
    """Nobody waits for the other, whichever spins."""
    seen = []

    async def main():
        doist = ReadyDoist(real=True, tock=0.0)
        spinning = asyncio.create_task(doist.ado(doers=[doer_in([], *[0.0] * 100_000)]))
        for _ in range(3):
            await asyncio.sleep(0.0)
            seen.append(doist.last)
        spinning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await spinning

    asyncio.run(main())
    assert seen == sorted(set(seen))


def test_a_task_may_fire_a_signal():
    """Who is parked is woken at once, though nothing else was due."""
    signal, seen = Signal(), []

    async def main():
        doist = ReadyDoist(real=True, tock=100.0)
        running = asyncio.create_task(doist.ado(doers=[noting(seen, Wait(signal))]))
        while not seen:
            await asyncio.sleep(0.0)
        signal.fire()
        await asyncio.wait_for(running, 20.0)

    asyncio.run(main())
    assert seen[1] < 20.0


def test_a_task_may_add_and_remove_doers():
    """The sleeping doist is told."""
    seen, stuck = [], doer_in([], Wait(Signal()))

    async def main():
        doist = ReadyDoist(real=True, tock=0.01, doers=[stuck])
        running = asyncio.create_task(doist.ado())
        await asyncio.sleep(0.0)
        doist.extend([doer_in(seen, 0.0)])
        while not seen:
            await asyncio.sleep(0.001)
        doist.remove([stuck])
        await asyncio.wait_for(running, 20.0)

    asyncio.run(main())
    assert seen == ["exit"]


def test_descriptors_are_heard(pair):
    """By asyncio's own selector."""
    seen = []

    async def main():
        doist = ReadyDoist(real=True, tock=100.0, doers=[noting(seen, Wait(pair[1]))])
        asyncio.get_running_loop().call_later(0.001, pair[0].send, b"x")
        await asyncio.wait_for(doist.ado(), 20.0)

    asyncio.run(main())
    assert len(seen) == 2


def test_canceled_it_has_all_exit():
    """As for every other end."""
    seen = []

    async def main():
        running = asyncio.create_task(ReadyDoist(real=True).ado(doers=[doer_in(seen, Wait(Signal()))]))
        await asyncio.sleep(0.0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert seen == ["exit"]


def test_an_error_is_raised_after_all_have_exited():
    """In the task that runs it."""
    seen = []

    def failing(tymth):
        yield 0.0
        raise KeyError("no")

    with pytest.raises(KeyError):
        asyncio.run(ReadyDoist().ado(doers=[doer_in(seen, 9.0), doer_of(failing)]))
    assert seen == ["exit"]


def test_abandoned_in_another_context():
    """Who closes it from outside, as the garbage collector does, has all doers exit as well."""
    seen, doist = [], ReadyDoist(real=True)

    async def main():
        running = doist.ado(doers=[doer_in(seen, 9.0)])
        contextvars.copy_context().run(running.send, None)
        contextvars.copy_context().run(running.close)

    asyncio.run(main())
    assert (seen, doist.readiness._selector) == (["exit"], None)

"""What the tests of schedulers share: doers made of generators, and sleep on a test's clock."""

from __future__ import annotations

from hio.base import doing

from tymeconn.net.readying import Readiness

from ..stand_ins import Clock


def doer_of(steps, *args, name=None):
    """Return a doer that has entered and then runs the generator `steps(tymth, *args)`."""

    def run(tymth=None, tock=0.0, **opts):
        yield tock
        return (yield from steps(tymth, *args))

    return doing.doify(run, name=name or steps.__name__)


def noting(seen, *yields):
    """Return a doer that notes the tyme of each of its turns, and yields one thing after each."""

    def turns(tymth):
        for each in yields:
            seen.append(tymth())
            yield each
        seen.append(tymth())

    return doer_of(turns)


class Napping(Readiness):
    """Sleeps by moving a clock on; what is ready ends no sleep, but is told after it.

    Attributes:
        clock: seconds that only sleep, and the test, move on.
        naps: how long each sleep was to be.
    """

    def __init__(self):
        super().__init__()
        self.clock = Clock(1000.0)
        self.naps = []

    def poll(self, timeout=0.0):
        self.naps.append(timeout)
        if timeout:
            # No sleep is shorter than what a clock can tell.
            self.clock.now += max(timeout, 1e-9)
        super().poll()

"""A scheduler that goes by what a Wait says and by nothing else: who forgets to say it waits for long."""

from __future__ import annotations

import select
from functools import partial

from tymeconn.errors import TymeconnError
from tymeconn.tyming.waiting import Signal


class Parking:
    """Runs generators and leaves each asleep until a signal, a descriptor or its tyme wakes it.

    Tyme stands still while anybody is awake, and leaps when nobody is.

    Attributes:
        patience: milliseconds for which a descriptor may keep all waiting before tyme leaps.
    """

    def __init__(self):
        self.now = 0.0
        self.patience = 5_000
        self.ends = []
        self._asleep = {}
        self._woken = {}

    def clock(self):
        return self.now

    def run(self, *generators, steps=1000):
        """Return for each generator what it returned or raised, and at what tyme."""
        self.ends, self._asleep = [None] * len(generators), {}
        self._woken = dict.fromkeys(range(len(generators)))
        for _ in range(steps):
            woken = self._woken or self._due() or self._heard() or self._leap()
            self._woken = {}
            for each in woken:
                if self.ends[each] is None:
                    self._step(each, generators[each])
            if None not in self.ends:
                return self.ends
        raise AssertionError(f"no end in {steps} steps")

    def _step(self, each, generator):
        wait = self._asleep.pop(each, None)
        for signal in self._signals(wait):
            signal.withdraw(each)
        try:
            self._asleep[each] = generator.send(None if wait is None else self.now)
        except StopIteration as stop:
            self.ends[each] = (stop.value, self.now)
        except TymeconnError as error:
            self.ends[each] = (error, self.now)
        for signal in self._signals(self._asleep.get(each)):
            signal.attend(each, partial(self._wake, each))

    def _wake(self, each):
        self._woken[each] = None

    def _signals(self, wait):
        return [thing for thing in wait.on if isinstance(thing, Signal)] if wait is not None else []

    def _due(self):
        return [
            each for each, wait in self._asleep.items() if wait.until is not None and wait.until <= self.now
        ]

    def _heard(self):
        poll, waiting = select.poll(), {}
        for each, wait in self._asleep.items():
            for thing in set(wait.on) - set(self._signals(wait)):
                if (descriptor := thing.fileno()) is not None:
                    wants = getattr(thing, "wants", 1)
                    poll.register(descriptor, select.POLLIN * (wants & 1) | select.POLLOUT * (wants >> 1))
                    waiting.setdefault(descriptor, []).append(each)
        heard = poll.poll(self.patience) if waiting else []
        return dict.fromkeys(each for descriptor, _ in heard for each in waiting[descriptor])

    def _leap(self):
        moments = [wait.until for wait in self._asleep.values() if wait.until is not None]
        assert moments, "all are asleep and nothing will wake them"
        self.now = min(moments)
        return self._due()

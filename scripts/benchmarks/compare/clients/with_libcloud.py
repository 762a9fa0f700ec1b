"""libcloud's PollingConnection, one in each thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import perf_counter, sleep  # noqa: TID251 a thread has no other way to wait
from typing import Any

from libcloud.common.base import JsonResponse, PollingConnection

from .ordering import CONNECTIONS, Count, Figures, Meter, Order, check, share
from .threads import in_threads

# More threads than this are not a way in which anybody would use it.
THREADS = 1_000
# It asks once to begin a job and once at least to look at it.
_EXCHANGES = 2
# Seconds in which a thread is made and has begun its job.
_MAKING = 1e-3


class Ended(PollingConnection):
    """Begins a job that has ended when it is first looked at."""

    responseCls = JsonResponse  # noqa: N815 libcloud's
    poll_interval = 1e-3

    def __init__(self, order: Order) -> None:
        super().__init__(secure=False, host="127.0.0.1", port=order.port)

    def get_poll_request_kwargs(self, response: Any, context: Any, request_kwargs: Any) -> Any:  # noqa: ARG002
        """Return how to look at the job that was begun."""
        read(response)
        return {"action": f"/jobs/{response.object['id']}"}

    def has_completed(self, response: Any) -> bool:
        """Say that it has."""
        read(response)
        return True


class Pending(Ended):
    """Looks at its job until the meter's window ends.

    Its sleep begins when an answer has come, so that every look is later than the one before by more than
    the interval. That is its way; here a look was due when the interval had passed since the last answer.
    """

    timeout = 3_600

    def __init__(self, order: Order, meter: Meter, index: int) -> None:
        super().__init__(order)
        self._meter = meter
        self._due = meter.due(index)
        self.poll_interval = meter.interval

    def get_poll_request_kwargs(self, response: Any, context: Any, request_kwargs: Any) -> Any:
        """Wait for the moment of the first look, and return how to do it."""
        sleep(max(0.0, self._due - perf_counter()))
        return super().get_poll_request_kwargs(response, context, request_kwargs)

    def has_completed(self, response: Any) -> bool:
        """Take down how late the answer is."""
        read(response)
        now = perf_counter()
        self._meter.lateness.append(now - self._due)
        self._due = now + self.poll_interval
        return self._due >= self._meter.stop


def read(response: Any) -> None:
    """Look at an answer; libcloud parses it when it gets it."""
    check(response.headers["content-type"], response.object)


def small(order: Order) -> Count:
    """As many threads as connections; each job is two exchanges."""
    connections = [Ended(order) for _ in range(CONNECTIONS)]

    def run(times: int) -> Figures:
        def asking(index: int) -> None:
            for _ in range(share(times // _EXCHANGES, index, CONNECTIONS)):
                connections[index].async_request("/jobs/7")

        in_threads(asking, CONNECTIONS)
        return {}

    return run


def jobs(order: Order) -> Figures:
    """A thread and a connection for each job, of which there are no more than that allows."""
    order = replace(order, size=min(order.size, THREADS))
    meter = Meter(order, each=_MAKING)
    with ThreadPoolExecutor(order.size) as threads:
        begun = [
            threads.submit(Pending(order, meter, index).async_request, "/jobs/7")
            for index in range(order.size)
        ]
        sleep(max(0.0, meter.start - perf_counter()))
        meter.begin()
        sleep(meter.stop - perf_counter())
        figures = meter.figures()
    for each in begun:
        each.result()
    return figures


COUNTED = {"small": small}
TIMED = {"jobs": lambda order: partial(jobs, order)}

"""One request by itself: its connection is opened for it and closed behind it.

Whoever asks more than once makes a `Pool`, or a `Client` for one server.
"""

from __future__ import annotations

from typing import Unpack

from ..clienting.fetching import Answer
from ..exchanging.exchange import FetchOptions
from ..pooling import Pool

__all__ = ["delete", "fetch", "get", "head", "options", "patch", "post", "put"]


def fetch(method: str, url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Check the request now and return a generator that sends it when it is run, as `Pool.fetch` does.

    From plain code: ``response = tymeconn.run(tymeconn.get(url))``.

    Raises:
        InvalidRequest, TypeError: at this call, for a request that cannot be sent.
        ExchangeError: out of the generator, when there is no answer.
    """
    pool = Pool()
    return _alone(pool, pool.fetch(method, url, **options))


def get(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with GET."""
    return fetch("GET", url, **options)


def post(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with POST."""
    return fetch("POST", url, **options)


def put(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with PUT."""
    return fetch("PUT", url, **options)


def patch(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with PATCH."""
    return fetch("PATCH", url, **options)


def delete(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with DELETE."""
    return fetch("DELETE", url, **options)


def head(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with HEAD."""
    return fetch("HEAD", url, **options)


def options(url: str, **options: Unpack[FetchOptions]) -> Answer:
    """Fetch with OPTIONS."""
    return fetch("OPTIONS", url, **options)


def _alone(pool: Pool, answer: Answer) -> Answer:
    try:
        return (yield from answer)
    finally:
        pool.close()

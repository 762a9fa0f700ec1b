"""A pool inside hio's schedulers."""

from __future__ import annotations

from typing import Any

from hio.base import doing

from .pool import Pool

__all__ = ["PoolDoer"]


class PoolDoer(doing.Doer):
    """Services a pool once a tick, and closes it at its `exit`.

    A pool does without: the generators that wait move their own connections. With it they need a tick less
    under hio's own schedulers, idle connections are closed when they expire, and nothing is left open.

    Attributes:
        pool: the pool.
    """

    def __init__(self, pool: Pool, **kwa: Any) -> None:
        """Take the pool; other keywords are hio's Doer's.

        Raises:
            TypeError: it is no Pool.
        """
        if not isinstance(pool, Pool):
            raise TypeError(f"pool must be a Pool, not {pool!r}")
        self.pool = pool
        super().__init__(**kwa)  # type: ignore[no-untyped-call]
        if self.tymth:
            self.pool.wind(self.tymth)

    @property
    def tock(self) -> float:
        """The tyme seconds between two services; when none were given a Wait, which hio takes for 0.0."""
        return self._tock or self.pool.upkeep()

    @tock.setter
    def tock(self, tock: float) -> None:
        self._tock = abs(float(tock))

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme for doer and pool."""
        super().wind(tymth)  # type: ignore[no-untyped-call]
        self.pool.wind(tymth)

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 hio's signature
        """Service the pool; never done."""
        self.pool.service()
        return False

    def exit(self) -> None:
        """Close the pool."""
        self.pool.close()

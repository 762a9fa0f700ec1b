"""The grid of tyme: where hio's ticks are."""

from __future__ import annotations

from math import frexp, inf, ldexp

__all__ = ["leap"]


def leap(tyme: float, tock: float, until: float) -> float:
    """Return where `tyme` is after as many additions of `tock` as bring it to `until` or beyond.

    It is the very float that adding one by one gives, which n * tock is not: at a tock of 0.1 they differ
    after three. But it takes about as many steps as there are powers of two on the way: between two of
    them floats are evenly spaced, and every addition moves on by the same number of them. Where a tock is
    too small to move tyme at all, the result is `until`.
    """
    if until == inf:
        return inf
    while tyme < until:
        after = tyme + tock
        if after <= tyme:
            return until
        # A tock that ends halfway between two floats is rounded to the even one: after one addition that
        # stays between the same powers of two, all others there are alike.
        if tyme > 0.0 and frexp(tyme)[1] == frexp(after)[1]:
            step = after + tock - after
            end = min(until, ldexp(1.0, frexp(after)[1]))
            if step > 0.0:
                after += max(0, int((end - after) / step) - 1) * step
        tyme = after
    return tyme

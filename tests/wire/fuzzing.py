"""Looks for an input that breaks a promise of the wire: see scripts/fuzz.

An input is a JSON object that holds all there is to one try, so that it can be tried again. It depends on
the seed and its number only. A broken promise is an AssertionError, or whatever else is raised.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections import Counter
from itertools import count
from random import Random

from tymeconn.tyming.clocks import countdown, monotonic

from . import fuzz_events, fuzz_requests, fuzz_responses
from .answer_files import b64

# How often, who makes an input, and who tries it.
KINDS = {
    "response": (6, fuzz_responses.make, fuzz_responses.check),
    "request": (2, fuzz_requests.make_asked, fuzz_requests.check_asked),
    "redirect": (1, fuzz_requests.make_redirect, fuzz_requests.check_redirect),
    "events": (1, fuzz_events.make, fuzz_events.check),
}


def inputs(seed):
    """Yield the inputs of a seed, without end."""
    often = [often for often, _, _ in KINDS.values()]
    for number in count():
        rng = Random(f"{seed}/{number}")
        kind = rng.choices(list(KINDS), often)[0]
        yield {"kind": kind, **KINDS[kind][1](rng)}


def check(given):
    """Return what became of an input, in a few words."""
    kind = given["kind"]
    return f"{kind} {KINDS[kind][2](given)}"


def tried(seed, number, given):
    """Return what became of an input; when a promise is broken, say how to try it again."""
    try:
        return check(given)
    except BaseException:
        _say(f"seed {seed}, input {number}, which can be tried again, here in base64:")
        _say(f"scripts/fuzz --replay <<<{_base64(given)}")
        raise


def search(seconds, seed):
    """Try the inputs of a seed for so long, and return the lines that say what was seen."""
    over, began = countdown(seconds, monotonic), monotonic()
    seen, digest = Counter(), hashlib.sha256()
    marked, number = "", 0
    for number, given in enumerate(inputs(seed), 1):
        digest.update(_base64(given).encode())
        seen[tried(seed, number - 1, given)] += 1
        # Runs of different length share these.
        if number & (number - 1) == 0:
            marked = f"sha256 of the first {number:,} inputs: {digest.hexdigest()}"
        if over():
            break
    spent = monotonic() - began
    return [
        *(f"{times:9,} {what}" for what, times in sorted(seen.items())),
        marked,
        f"sha256 of all {number:,} inputs: {digest.hexdigest()}",
        f"seed {seed}: {number:,} inputs in {spent:.1f} s, {number / spent:,.0f}/s",
    ]


def _base64(given):
    return b64(json.dumps(given).encode())


def _say(*lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(arguments):
    """Search, or try one input again; what is broken is raised."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("seed", nargs="?", default="1")
    parser.add_argument(
        "--replay", action="store_true", help="try one input, from standard input, as a failure printed it"
    )
    options = parser.parse_args(arguments)
    if options.replay:
        _say(check(json.loads(base64.b64decode(sys.stdin.read()))))
    else:
        _say(*search(options.seconds, options.seed))


if __name__ == "__main__":
    main(sys.argv[1:])

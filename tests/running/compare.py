"""Random programs of doers, run by hio's schedulers and by ours; what can be seen of both must be the same.

usage: python tests/running/compare.py PROGRAMS [SEED]
"""

from __future__ import annotations

import random
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from hio.base import doing

from tymeconn.running import ReadyDoDoer, ReadyDoist

NUMBERS = (0.0, 0.0, 0.0, None, b"", 0.1, 0.2, 0.3, 0.5, 1.0, 0.03125, 0.01, 2, True, -0.25)
NEVER = (float("inf"), float("nan"))
RETURNS = (None, None, True, True, False, 0, "done")
MOST_BEATS = 300
# How deep DoDoers are nested.
_NO_DODOERS = 3


class Thrown(Exception):
    """What a program raises."""


@dataclass
class Spec:
    """One doer: what it is, and what it does in each of its turns, in enter and in exit."""

    name: str
    kind: str
    tock: float = 0.0
    always: bool = False
    turns: list = field(default_factory=list)
    children: list = field(default_factory=list)
    on_enter: tuple = ("none",)
    on_exit: tuple = ("none",)
    value: object = None


class Author:
    """Writes a program for a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = count()
        self.tock = self.random.choice((0.03125, 0.1, 0.25, 1.0, 0.3))
        self.limit = self.random.choice((None, None, 0.05, 1.0, 2.5, 6.0))
        self.start = self.random.choice((0.0, 0.0, 1.7, -0.35))
        self.budget = 25
        self.doers = [self.spec(0) for _ in range(self.random.randrange(6))]
        self.external = [self.spec(0) for _ in range(self.random.choice((0, 0, 0, 1, 2)))]

    def spec(self, depth):
        self.budget -= 1
        pick = self.random
        kind = pick.choice(("function", "function", "method", "doer", "redoer", "dodoer", "dodoer"))
        if depth >= _NO_DODOERS and kind == "dodoer":
            kind = "doer"
        spec = Spec(f"{kind}{next(self.names)}", kind, tock=pick.choice((0.0, 0.0, 0.0, 0.1, 0.5)))
        spec.value = pick.choice(RETURNS)
        # hio enters twice what is added while a scheduler enters, and hangs when that is a DoDoer.
        spec.on_enter = self.act(_NO_DODOERS) if pick.random() < 0.07 else ("none",)
        spec.on_exit = self.act(depth) if pick.random() < 0.1 else ("none",)
        if kind == "dodoer":
            spec.children = [self.spec(depth + 1) for _ in range(pick.randrange(4)) if self.budget > 0]
            spec.always = self.limit is not None and pick.random() < 0.15
        else:
            spec.turns = [(self.act(depth), self.number()) for _ in range(pick.randrange(7))]
        return spec

    def number(self):
        if self.limit is not None and self.random.random() < 0.02:
            return self.random.choice(NEVER)
        return self.random.choice(NUMBERS)

    def act(self, depth):
        roll = self.random.random()
        if roll < 0.7:
            return ("none",)
        if roll < 0.77:
            return ("look",)
        if roll < 0.86 and self.budget > 0:
            specs = [self.spec(depth + 1) for _ in range(self.random.randrange(1, 4))]
            return ("extend", self.random.random(), specs)
        if roll < 0.95:
            rolls = [self.random.random() for _ in range(self.random.randrange(1, 4))]
            return ("remove", self.random.random(), rolls)
        if roll < 0.965:
            return ("remove_self",)
        if roll < 0.975:
            return ("tock", self.random.choice((0.05, 0.2, 1.0)))
        return ("raise", self.random.choice((Thrown, Thrown, KeyboardInterrupt)))


class World:
    """A program at work under one pair of schedulers.

    Attributes:
        seen: what happened, in order.
    """

    def __init__(self, program, doist, dodoer):
        self.program = program
        self.dodoer = dodoer
        self.seen = []
        # What the garbage collector closes afterwards is no part of the run.
        self.over = False
        self.made = {}
        self.schedulers = []
        self.doist = doist(tock=program.tock, tyme=program.start, limit=program.limit, doers=[], real=False)
        self.schedulers.append(("root", self.doist))
        self.doist.doers = [self.make(spec, self.doist) for spec in program.doers]

    def make(self, spec, parent):
        doer = _MAKERS[spec.kind](self, spec, parent)
        self.made[spec.name] = doer
        return doer

    def see(self, name, what, tymth=None, fed=None):
        if self.over:
            return
        self.seen.append((name, what, tymth() if tymth else self.doist.tyme, fed))

    def act(self, spec, parent, act):
        if self.over:
            return
        self.see(spec.name, act[0])
        getattr(self, "act_" + act[0])(spec, parent, *act[1:])

    def act_none(self, spec, parent):
        pass

    def act_look(self, spec, parent):
        for name, scheduler in self.schedulers:
            deeds = [(self.called(doer), retyme) for dog, retyme, doer in scheduler.deeds if dog]
            self.seen.append(("look", name, str(deeds), [self.called(doer) for doer in scheduler.doers]))

    def act_extend(self, spec, parent, roll, specs):
        _, scheduler = self.chosen(roll)
        fresh = [self.make(each, scheduler) for each in specs if each.name not in self.made]
        scheduler.extend(fresh)

    def act_remove(self, spec, parent, roll, rolls):
        name, scheduler = self.chosen(roll)
        doers = scheduler.doers
        gone = list({id(d): d for d in (doers[int(each * len(doers))] for each in rolls if doers)}.values())
        self.seen.append(("removing", name, [self.called(doer) for doer in gone]))
        scheduler.remove(gone)

    def act_remove_self(self, spec, parent):
        parent.remove([self.made[spec.name]])

    def act_tock(self, spec, parent, tock):
        self.doist.tock = tock

    def act_raise(self, spec, parent, error):
        raise error(spec.name)

    def chosen(self, roll):
        entered = [each for each in self.schedulers if each[1] is self.doist or each[1].tymth is not None]
        return entered[int(roll * len(entered))]

    def called(self, doer):
        doer = getattr(doer, "__func__", doer)
        return getattr(doer, "name", None) or doer.__name__

    def run(self, drive):
        error = None
        try:
            with lost_generators_close_quietly():
                try:
                    drive(self)
                finally:
                    self.over = True
        except (Thrown, ValueError, RuntimeError, TypeError, KeyboardInterrupt, Endless) as raised:
            error = (type(raised), str(raised))
        dones = {name: doer.done for name, doer in self.made.items()}
        deeds = [self.called(doer) for dog, _, doer in self.doist.deeds if dog]
        doers = [self.called(doer) for doer in self.doist.doers]
        return self.seen, error, self.doist.tyme, self.doist.done, dones, deeds, doers


@contextmanager
def lost_generators_close_quietly():
    """Let what the garbage collector closes raise: hio loses the doers of an extend that raised."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = hook


class Endless(Exception):
    """hio does not come to an end."""


def life(world, spec, parent, tymth):
    """One doer's life as a generator, in hio's own form."""
    world.see(spec.name, "enter", tymth)
    value = None
    try:
        world.act(spec, parent, spec.on_enter)
        fed = yield spec.tock
        for act, number in spec.turns:
            world.see(spec.name, "turn", tymth, fed)
            world.act(spec, parent, act)
            fed = yield number
        world.see(spec.name, "last", tymth, fed)
        value = spec.value
    except GeneratorExit:
        world.see(spec.name, "closed", tymth)
    except Exception:
        world.see(spec.name, "aborted", tymth)
        raise
    finally:
        world.see(spec.name, "exit", tymth)
        world.act(spec, parent, spec.on_exit)
    return value


def make_function(world, spec, parent):
    def run(tymth=None, tock=0.0, **opts):
        return (yield from life(world, spec, parent, tymth))

    return doing.doify(run, name=spec.name, tock=spec.tock)


def make_method(world, spec, parent):
    class Holder:
        def run(self, tymth=None, tock=0.0, **opts):
            return (yield from life(world, spec, parent, tymth))

    return doing.doify(Holder().run, name=spec.name, tock=spec.tock)


class Plain(doing.Doer):
    """A doer with a recur that is called once a turn."""

    def __init__(self, world, spec, parent):
        super().__init__(tock=spec.tock)
        self.world, self.spec, self.parent = world, spec, parent
        self.name = spec.name
        self.turns = iter(())

    def enter(self, *, temp=None):
        self.turns = iter(self.spec.turns)
        self.world.see(self.name, "enter", self.tymth)
        self.world.act(self.spec, self.parent, self.spec.on_enter)

    def recur(self, tyme):
        self.world.see(self.name, "turn", self.tymth, tyme)
        act, number = next(self.turns, (None, None))
        if act is None:
            return self.spec.value or True
        self.world.act(self.spec, self.parent, act)
        self.tock = number if isinstance(number, float) else 0.0
        return False

    def exit(self):
        self.world.see(self.name, "exit", self.tymth)
        self.world.act(self.spec, self.parent, self.spec.on_exit)


class Again(Plain):
    """A doer whose recur is a generator."""

    def recur(self, tock=None):
        fed = yield self.tock
        for act, number in self.spec.turns:
            self.world.see(self.name, "turn", self.tymth, fed)
            self.world.act(self.spec, self.parent, act)
            fed = yield number
        return self.spec.value


def make_dodoer(world, spec, parent):
    class Nested(world.dodoer):
        name = spec.name

        def enter(self, doers=None, **kwa):
            if doers is None:
                world.see(spec.name, "enter", self.tymth)
                world.act(spec, parent, spec.on_enter)
            return super().enter(doers=doers, **kwa)

        def exit(self, deeds=None):
            super().exit(deeds=deeds)
            if deeds is None:
                world.see(spec.name, "exit", self.tymth)
                world.act(spec, parent, spec.on_exit)

    dodoer = Nested(tock=spec.tock, always=spec.always)
    dodoer.doers = [world.make(each, dodoer) for each in spec.children]
    world.schedulers.append((spec.name, dodoer))
    return dodoer


_MAKERS = {
    "function": make_function,
    "method": make_method,
    "doer": Plain,
    "redoer": Again,
    "dodoer": make_dodoer,
}


def by_do(world):
    """Run as users do, with external deeds added on the way."""
    doist = world.doist
    if world.program.external:
        doers = [world.make(spec, doist) for spec in world.program.external]
        doist.deeds.extend(doist.enter(doers=doers))
    recurs = count()
    recur = doing.Doist.recur

    def counted(deeds=None):
        if next(recurs) > MOST_BEATS:
            raise Endless
        recur(doist, deeds)

    if type(doist) is doing.Doist:
        doist.recur = counted
    doist.do()


def by_hand(world):
    """Do what hio's do does, with a look at the deeds after each recur."""
    doist = world.doist
    if world.program.external:
        doers = [world.make(spec, doist) for spec in world.program.external]
        doist.deeds.extend(doist.enter(doers=doers))
    doist.done = False
    try:
        doist.enter()
        stop = doist.tyme + (doist.limit or float("inf"))
        for _ in range(MOST_BEATS + 1):
            doist.recur()
            world.act_look(None, None)
            doist.done = not doist.deeds
            if doist.done or doist.tyme >= stop:
                return
        raise Endless
    except KeyboardInterrupt:
        return
    finally:
        doist.exit()


def differences(seed):
    """Return what differs between hio's schedulers and ours for one program: nothing, if all is well."""
    program = Author(seed)
    found = []
    for drive in (by_do, by_hand):
        expected = World(program, doing.Doist, doing.DoDoer).run(drive)
        if expected[1] and expected[1][0] is Endless:
            continue
        for doist, dodoer in (
            (ReadyDoist, doing.DoDoer),
            (doing.Doist, ReadyDoDoer),
            (ReadyDoist, ReadyDoDoer),
        ):
            outcome = World(program, doist, dodoer).run(drive)
            if repr(outcome) != repr(expected):
                found.append((drive.__name__, doist.__name__, dodoer.__name__, expected, outcome))
    return found


def main(programs, seed=0):
    wrong = [each for each in range(seed, seed + programs) if differences(each)]
    sys.stdout.write(f"{programs} programs, {len(wrong)} differ: {wrong[:20]}\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

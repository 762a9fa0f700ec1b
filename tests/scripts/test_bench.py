"""The comparison of scripts/bench: what it makes of figures, and that its parts fit together."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "scripts" / "benchmarks"


def load():
    """Import the package from where it is; it belongs to no distribution."""
    place = BENCHMARKS / "compare"
    spec = spec_from_file_location(
        "compare", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    sys.modules["compare"] = module_from_spec(spec)
    names = "answering", "clients.ordering", "driving", "judging", "reporting", "serving", "works"
    return [import_module(f"compare.{name}") for name in names]


answering, ordering, driving, judging, reporting, serving, works = load()

CONDITIONS = reporting.Conditions("scripts/bench", 5, "nginx/1", (0, 1), {"Python": "3.11"}, "a machine")
COLUMNS = (works.Column("rate", "exchanges/s", digits=0),)
TARGET = works.Target("rate", 4.0, "4 times", "aiohttp", least=True)
WORK = works.Work(
    "small", "a work", "small", ("tymeconn", "aiohttp", "epoll"), COLUMNS, (TARGET,), 2.0, 0.25, size=100
)

BUSY = replace(WORK, busy=True)


def rounds_of(*pairs):
    """Rounds in which tymeconn and aiohttp had these rates."""
    return [{"tymeconn": {"rate": ours}, "aiohttp": {"rate": theirs}} for ours, theirs in pairs]


def lines_of(*results, conditions=CONDITIONS):
    return list(reporting.table(conditions, results))


def test_medians_are_of_each_figure_of_each_client():
    """A client that was missing in a round has the median of the others."""
    rounds = [*rounds_of((1.0, 5.0), (9.0, 7.0), (2.0, 6.0)), {"tymeconn": {"rate": 3.0}}]
    assert judging.medians(rounds) == {"tymeconn": {"rate": 2.5}, "aiohttp": {"rate": 6.0}}


def test_ratio_is_the_median_of_the_ratios_of_rounds():
    """A machine that is slow in one round is slow for both, so ratios are made before the median."""
    (verdict,) = judging.judge(WORK, rounds_of((100.0, 10.0), (40.0, 10.0), (3.0, 1.0)))
    assert verdict.found == 4.0


def test_ratios_leave_out_rounds_without_the_peer():
    """What was not measured in the same round is not compared."""
    rounds = [{"tymeconn": {"rate": 1.0}}, *rounds_of((8.0, 2.0), (8.0, 0.0))]
    assert judging.ratios(rounds, TARGET) == [4.0]


def test_target_without_peer_is_about_the_figure_itself():
    """Bytes of memory are compared with a number."""
    target = works.Target("memory", 2048.0, "2 KiB")
    assert judging.ratios([{"tymeconn": {"memory": 617.0}}], target) == [617.0]


@pytest.mark.parametrize(
    ("least", "found", "held"),
    [
        (True, 4.0, True),
        (True, 3.99, False),
        (False, 4.0, True),
        (False, 4.01, False),
        (True, None, False),
        (False, None, False),
    ],
)
def test_bound_itself_holds(least, found, held):
    """A target holds at its bound and beyond, and never unmeasured."""
    assert judging.Verdict(replace(TARGET, least=least), found).held is held


def test_table_says_what_was_held():
    """Each target has a line with what was found."""
    lines = lines_of(driving.Result(WORK, rounds_of((8.0, 2.0))))
    assert "| a work | 4 times | 4.00 | yes |" in lines
    assert "| a work | 4 times | not measured | **no** |" in lines_of(driving.Result(WORK))


def test_table_shows_the_medians():
    """Figures are scaled and rounded as their column says; what was not measured is empty."""
    lines = lines_of(driving.Result(WORK, rounds_of((12_345.6, 2.0))))
    assert {"| tymeconn | 12,346 |", "| aiohttp | 2 |", "| bare loop |  |"} <= set(lines)


def test_table_names_who_failed():
    """A client that ended with an error is not passed over in silence."""
    assert "Ended with an error: bare loop." in lines_of(driving.Result(WORK, failed={"epoll"}))


def test_table_names_who_was_held_up():
    """The rate of a client that was not busy is the server's, and the table says so."""
    rounds = [{"aiohttp": {"rate": 10.0, "cpu_each": 0.09}, "epoll": {"rate": 100.0, "cpu_each": 0.007}}]
    (line,) = [line for line in lines_of(driving.Result(BUSY, rounds)) if line.startswith("Held up")]
    assert line.endswith(" more: bare loop.")


def test_table_gives_figures_their_unit():
    """A ratio has none; a figure that is compared with a number has that number's."""
    target = works.Target("latency", 0.03, "a tock", scale=1e3, unit=" ms")
    assert reporting.shown(judging.Verdict(target, 0.0123)) == "12.3 ms"
    assert reporting.shown(judging.Verdict(TARGET, 0.9731)) == "0.973"


def test_table_warns_of_a_single_core():
    """Where server and client share a core the figures are worth less, and the table says so."""
    alone = lines_of(conditions=replace(CONDITIONS, cores=(0, 0)))
    assert [line for line in alone if line.startswith("**There was one core only")]
    assert not [line for line in lines_of() if line.startswith("**")]


def test_document_has_all_rounds():
    """From the JSON everything else can be made again."""
    rounds = rounds_of((8.0, 2.0))
    (work,) = reporting.document(CONDITIONS, [driving.Result(WORK, rounds)])["works"].values()
    assert (work["rounds"], work["targets"]) == (rounds, [{"text": "4 times", "found": 4.0, "held": True}])


@pytest.mark.parametrize("work", works.WORKS, ids=lambda work: work.name)
def test_rows_are_whole(work):
    """Every work has known clients, and targets that name one of them and a figure that the table shows."""
    assert {works.OURS, *filter(None, (target.peer for target in work.targets))} <= set(work.clients)
    assert set(work.clients) <= set(works.CLIENTS)
    assert {target.figure for target in work.targets} <= {column.figure for column in work.columns}


def test_orders_are_short_for_whom_nobody_asks():
    """In a long work a client that stands in no target has a fifth of the time."""
    server = serving.Server("a server", 1, 2, "ca.pem")
    long = replace(WORK, long=True)
    seconds = [long.order(client, server, quick=False).seconds for client in WORK.clients]
    assert seconds == [2.0, 2.0, 0.4]
    with pytest.raises(ValueError, match="no part of a quick run"):
        replace(WORK, quick=None).order("aiohttp", server, quick=True)


def test_turns_go_round():
    """Each round begins with another client, and nobody is left out."""
    assert [driving.turned("abc", number) for number in (0, 1, 5)] == [[*"abc"], [*"bca"], [*"cab"]]
    assert driving.turned([], 3) == []


def test_shares_make_the_whole():
    """What is divided among the connections is done once."""
    assert sum(ordering.share(1_234, index, 100) for index in range(100)) == 1_234


def test_quantile_is_one_of_the_values():
    """The 99th of a hundred is the largest but none; of nothing there is none."""
    assert ordering.quantile([*range(100)], 0.99) == 99
    with pytest.raises(ValueError, match="nothing was measured"):
        ordering.quantile([], 0.5)


@pytest.mark.parametrize(
    ("kind", "document"), [("text/html", answering.DOCUMENT), ("application/json", {"id": 8})]
)
def test_wrong_answers_are_no_figures(kind, document):
    """A client that did not get the document has measured nothing."""
    with pytest.raises(AssertionError, match="not the answer"):
        ordering.check(kind, document)


def test_environment_is_the_same_for_all(monkeypatch):
    """Some clients heed proxies and roots in the environment, others do not."""
    for name in ("HTTPS_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "x")
    assert not {"HTTPS_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"} & set(
        driving.environment()
    )


@contextmanager
def answered():
    """Have the bench's own server on asyncio's own loop, in a thread."""
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    listening = threading.Event()
    ports = []

    async def serve():
        async with await loop.create_server(answering.Answering, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            listening.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert listening.wait(20)
    yield ports[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    loop.close()


@pytest.mark.loopback
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the bench runs on Linux")
def test_clients_take_turns(monkeypatch):
    """Processes of clients do what they are told, and one that cannot is left out."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]))
    work = replace(WORK, clients=("tymeconn", "epoll", "nobody"), quick=0.01)
    with answered() as port:
        server = serving.Server("our own", port, port, "")
        plan = driving.Plan(server, min(os.sched_getaffinity(0)), 2, quick=True)
        result = driving.perform(work, plan, [].append)
    assert [sorted(each) for each in result.rounds] == [["epoll", "tymeconn"]] * 2
    assert result.failed == {"nobody"}

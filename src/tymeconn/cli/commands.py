"""What is typed: the commands, their options, and what is said when these are wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console

from .. import __version__
from ..testing.jobserver import JobApp, JobServer, Work
from ..tyming.clocks import Calendar
from .demonstrating import MOST_CONNECTIONS, Demo, demonstrate
from .following import Following, Submission
from .serving import serve
from .showing import print_report, progress_view

__all__ = ["tymeconn"]


@click.group()
@click.version_option(__version__, prog_name="tymeconn")
def tymeconn() -> None:
    """Follow long-running jobs over HTTP, without blocking."""


@tymeconn.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How long a job takes, about.",
)
@click.option(
    "--fail", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Share of jobs that fail."
)
@click.option("--seed", default="", help="Equal seeds give equal jobs.")
def serve_command(host: str, port: int, seconds: float, fail: float, seed: str) -> None:
    """Run a job server until Ctrl-C.

    POST /jobs starts a job, GET and DELETE /jobs/<id> look at it and cancel it. The body of the POST may be
    JSON with "seconds" and "fail", which then hold for this job.
    """
    app = JobApp(Work(seconds, fail, seed), epoch=Calendar.real().now())
    try:
        serve(JobServer(app, host=host, port=port), _say)
    except OSError as error:
        raise click.ClickException(str(error)) from None


@tymeconn.command("demo")
@click.option("--jobs", default=1000, show_default=True, type=click.IntRange(1), help="How many jobs.")
@click.option("--seed", default="tymeconn", show_default=True, help="Equal seeds give equal jobs.")
@click.option(
    "--connections",
    default=40,
    show_default=True,
    type=click.IntRange(1, MOST_CONNECTIONS),
    help="How many connections.",
)
def demo_command(jobs: int, seed: str, connections: int) -> None:
    """Follow many jobs at once: server, pool and jobs in one thread and one scheduler.

    Ends with 0 only when every job was seen to end as the server says it ended.
    """
    console = Console()
    with progress_view(console, jobs) as show:
        report = demonstrate(Demo(jobs, connections, Work(fail=0.05, seed=seed)), show)
    print_report(console, report)
    sys.exit(1 if report.mismatches else 0)


def _headers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str]]:
    headers = []
    for value in values:
        name, colon, content = value.partition(":")
        if not colon:
            raise click.BadParameter(f"{value!r} is not 'Name: value'")
        headers.append((name.strip(), content.strip()))
    return headers


def _look_headers(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    headers = _headers(context, option, values)
    if len(dict(headers)) < len(headers):
        raise click.BadParameter("a look sends a header once")
    return dict(headers)


def _json(_: click.Context, __: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value)
    except (RecursionError, ValueError) as error:
        raise click.BadParameter(f"not JSON: {error}") from None


def _words(_: click.Context, __: click.Parameter, value: str) -> frozenset[str]:
    return frozenset(value.replace(",", " ").split())


@tymeconn.command("poll")
@click.argument("url")
@click.option("-X", "--method", default="POST", show_default=True, help="Method of the submission.")
@click.option(
    "-H", "--header", "headers", multiple=True, callback=_headers, help="'Name: value' to submit with."
)
@click.option("--json", "body_json", callback=_json, help="JSON to submit.")
@click.option("--data", help="Text to submit.")
@click.option("--poll-url", default="{location}", show_default=True, help="Where to look.")
@click.option("--poll-method", default="GET", show_default=True, help="Method of a look.")
@click.option(
    "--poll-header",
    "poll_headers",
    multiple=True,
    callback=_look_headers,
    help="'Name: value' to look with.",
)
@click.option("--poll-json", callback=_json, help="JSON to look with.")
@click.option("--status", metavar="PATH", help="Where in a look's JSON the status is.")
@click.option(
    "--pending", default="", callback=_words, metavar="WORDS", help="What it is while the job runs."
)
@click.option(
    "--success", default="", callback=_words, metavar="WORDS", help="What it is when the job succeeded."
)
@click.option(
    "--failure", default="", callback=_words, metavar="WORDS", help="What it is when the job failed."
)
@click.option("--canceled", default="", callback=_words, metavar="WORDS", help="What it is after a cancel.")
@click.option("--result", metavar="PATH", help="Where in the last look's JSON the result is.")
@click.option("--interval", type=float, help="Seconds between looks, when the server does not say.")
@click.option("--deadline", type=float, help="Seconds until the last look.")
def poll_command(url: str, **options: Any) -> None:
    """Submit a job to URL and follow it to its end; its result goes to stdout as JSON.

    In --poll-url, --poll-header and --poll-json, {location} stands for the place that the answer to the
    submission names, and {path} for what is found at a JMESPath in that answer's JSON.

    Exit status: 0 succeeded, 1 failed or refused, 2 wrong usage, 3 canceled, 4 not known how it ended.
    """
    if options["body_json"] is not None and options["data"] is not None:
        raise click.UsageError("--json and --data exclude each other")
    try:
        following = Following(Submission(url=url, **options))
    except (TypeError, ValueError) as error:
        raise click.UsageError(" ".join(str(error).split())) from None
    end = following.run(_note)
    if end.error:
        _note(f"Error: {end.error}")
    else:
        # ASCII alone: a result may hold lone surrogates, which no terminal's encoding has.
        _say(json.dumps(end.result))
    sys.exit(end.status)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _note(line: str) -> None:
    # What a server says may hold escape sequences that move the cursor or set the title.
    click.echo("".join(c if c.isprintable() else "\ufffd" for c in line), err=True)

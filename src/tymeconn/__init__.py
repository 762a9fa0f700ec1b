"""Nonblocking HTTP for cooperative programs on hio's scheduler.

The map of the house, from the ground up; a room imports only from rooms below it:

- errors: every error, drawn as one tree
- wire: HTTP as bytes and values
- tyming: waiting, and the clocks
- policy: pace, patience, timeouts, gates, retries, who asks, and which way a request goes
- net: names, sockets, TLS, the seams in front of them, and files in the making
- exchanging: one request on its way to one outcome, what follows on an answer, and one connection's life
- clienting: Client, its streams and ClientDoer; the drop-in for hio's clienting
- pooling: Pool and PoolDoer: many connections to many origins, for all who ask
- running: schedulers that run who is ready and sleep when nobody is; one request from plain code
- polling: jobs, followed to their end
- testing: scripted peers and a job server, for users' tests too
- cli: the command `tymeconn`
"""

from . import clienting, errors
from .clienting import Client, ClientDoer, openClient, replace_hio
from .clienting.streaming import Stream
from .errors import ExchangeError, JobError, StatusError, TymeconnError
from .exchanging.exchange import Progress
from .net.seams import Network, Tls
from .net.unix import UnixNetwork
from .policy.authorizing import Basic, Bearer, Digest, Netrc
from .policy.gating import GateLimits
from .policy.pacing import Pace
from .policy.patience import Patience, Timeouts
from .policy.retrying import Retry
from .polling import Job, JobState, PollingDoer, Template, Waiter, Watch, presets
from .pooling import Pool, PoolDoer, PoolLimits
from .running import (
    Deadlock,
    ReadyDoDoer,
    ReadyDoist,
    as_completed,
    delete,
    fetch,
    gather,
    get,
    head,
    options,
    patch,
    post,
    put,
    run,
)
from .tyming.waiting import Signal, Wait
from .wire.cookies import Cookie, CookieJar
from .wire.eventing import Event
from .wire.messages import Limits, Request, Response
from .wire.redirecting import Follow

__version__ = "0.1.0"

__all__ = [
    "Basic",
    "Bearer",
    "Client",
    "ClientDoer",
    "Cookie",
    "CookieJar",
    "Deadlock",
    "Digest",
    "Event",
    "ExchangeError",
    "Follow",
    "GateLimits",
    "Job",
    "JobError",
    "JobState",
    "Limits",
    "Netrc",
    "Network",
    "Pace",
    "Patience",
    "PollingDoer",
    "Pool",
    "PoolDoer",
    "PoolLimits",
    "Progress",
    "ReadyDoDoer",
    "ReadyDoist",
    "Request",
    "Response",
    "Retry",
    "Signal",
    "StatusError",
    "Stream",
    "Template",
    "Timeouts",
    "Tls",
    "TymeconnError",
    "UnixNetwork",
    "Wait",
    "Waiter",
    "Watch",
    "as_completed",
    "clienting",
    "delete",
    "errors",
    "fetch",
    "gather",
    "get",
    "head",
    "openClient",
    "options",
    "patch",
    "post",
    "presets",
    "put",
    "replace_hio",
    "run",
]

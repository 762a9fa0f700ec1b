"""Nonblocking HTTP for cooperative programs on hio's scheduler.

The map of the house, from the ground up; a room imports only from rooms below it:

- errors: every error, drawn as one tree
- wire: HTTP as bytes and values
- tyming: waiting, and the clocks
- policy: pace, patience, timeouts
- net: names, sockets, TLS, and the seams in front of them
- exchanging: one request on its way to one outcome, and one connection's life
- clienting: Client and ClientDoer; the drop-in for hio's clienting
- polling: jobs, followed to their end
- testing: scripted peers and a job server, for users' tests too
- cli: the command `tymeconn`
"""

from . import clienting, errors
from .clienting import Client, ClientDoer, openClient, replace_hio
from .errors import ExchangeError, JobError, StatusError, TymeconnError
from .net.seams import Network, Tls
from .policy.pacing import Pace
from .policy.patience import Patience, Timeouts
from .polling import Job, JobState, PollingDoer, Template, Waiter, Watch, presets
from .tyming.waiting import Signal, Wait
from .wire.messages import Limits, Request, Response

__version__ = "0.1.0"

__all__ = [
    "Client",
    "ClientDoer",
    "ExchangeError",
    "Job",
    "JobError",
    "JobState",
    "Limits",
    "Network",
    "Pace",
    "Patience",
    "PollingDoer",
    "Request",
    "Response",
    "Signal",
    "StatusError",
    "Template",
    "Timeouts",
    "Tls",
    "TymeconnError",
    "Wait",
    "Waiter",
    "Watch",
    "clienting",
    "errors",
    "openClient",
    "presets",
    "replace_hio",
]

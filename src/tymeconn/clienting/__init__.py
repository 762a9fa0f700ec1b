"""The client, with the names of ``hio.core.http.clienting``: a drop-in for it, in front of the engine.

``httping`` is hio's own module, because programs reach its names by way of hio's clienting.
"""

from hio.core.http import httping

from ..wire.messages import Response
from .client import Client
from .connector import HioConnector
from .doing import ClientDoer, backendRequest, openClient
from .replacing import Replacement, replace_hio
from .requester import Requester
from .respondent import Respondent

__all__ = [
    "Client",
    "ClientDoer",
    "HioConnector",
    "Replacement",
    "Requester",
    "Respondent",
    "Response",
    "backendRequest",
    "httping",
    "openClient",
    "replace_hio",
]

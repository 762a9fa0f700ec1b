"""Our client in hio's place: reversibly, nested, and nothing else of hio's."""

from __future__ import annotations

import pytest
from hio.core import http
from hio.core.http import clienting as theirs
from hio.core.http import httping, serving

import tymeconn
from tymeconn import clienting as ours

NAMES = ("Client", "ClientDoer", "Requester", "Respondent", "Response", "backendRequest", "openClient")
SHORT = ("Client", "ClientDoer", "openClient")


def meant():
    """Return what hio's names mean now."""
    return [getattr(theirs, name) for name in NAMES] + [getattr(http, name) for name in SHORT]


OURS = [getattr(ours, name) for name in (*NAMES, *SHORT)]
HIO_S = meant()


def test_names_at_the_top():
    """The package gives the drop-in and the replacement."""
    assert tymeconn.clienting is ours
    assert tymeconn.replace_hio is ours.replace_hio
    assert {"clienting", "replace_hio"} <= set(tymeconn.__all__)


def test_hio_s_names_mean_ours():
    """In the with block hio's names are ours, by every way to them; after it they are hio's."""
    with tymeconn.replace_hio():
        from hio.core.http.clienting import Client

        assert meant() == OURS
        assert Client is ours.Client
        assert http.clienting is theirs
    assert meant() == HIO_S


def test_restore():
    """Without a with block restore undoes it; a second call changes nothing."""
    replacement = tymeconn.replace_hio()
    assert meant() == OURS
    replacement.restore()
    with tymeconn.replace_hio():
        replacement.restore()
        assert meant() == OURS
    assert meant() == HIO_S


def test_restored_after_an_exception():
    """An exception out of the block leaves hio's names as they were."""
    with pytest.raises(KeyError), tymeconn.replace_hio():
        raise KeyError
    assert meant() == HIO_S


def test_nested():
    """The names are hio's again only when the outermost block is left."""
    with tymeconn.replace_hio():
        with tymeconn.replace_hio():
            assert meant() == OURS
        assert meant() == OURS
    assert meant() == HIO_S


def test_any_order():
    """Replacements may be restored in any order: the last one gives the names back."""
    first, second = tymeconn.replace_hio(), tymeconn.replace_hio()
    first.restore()
    assert meant() == OURS
    second.restore()
    assert meant() == HIO_S


def test_what_others_put_there_comes_back(monkeypatch):
    """A name that somebody else had changed before is what it was changed to afterwards."""
    monkeypatch.setattr(theirs, "Client", dict)
    with tymeconn.replace_hio():
        assert theirs.Client is ours.Client
    assert theirs.Client is dict


def test_the_rest_stays_hio_s():
    """Servers and httping are hio's own, with the block and without."""
    with tymeconn.replace_hio():
        assert (http.Server, http.HTTPError) == (serving.Server, httping.HTTPError)
        assert theirs.httping is ours.httping is httping
        assert theirs.tcp.Client.__module__.startswith("hio.")

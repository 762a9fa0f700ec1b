"""The tree of errors: what catches what, and what survives a copy."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from tymeconn import errors
from tymeconn.errors import (
    CertificateError,
    ConnectError,
    DecodeError,
    ExchangeError,
    IncompleteRead,
    InvalidRequest,
    JobFailed,
    ProtocolError,
    ReadTimeout,
    RedirectRefused,
    StatusError,
    TlsError,
    TooLarge,
    TymeconnError,
)

CLASSES = {name: getattr(errors, name) for name in errors.__all__}
DRAWN = re.compile(r"^    ((?:│   |    |├── |└── )*)([A-Z]\w+)", re.MULTILINE)
MADE = [
    InvalidRequest("invalid_url", "no"),
    StatusError("404 Not Found", {"status": 404}),
    ReadTimeout("late"),
    IncompleteRead("cut", b"half"),
    ProtocolError("chunk", "bad size"),
    TooLarge("head"),
    DecodeError("cut gzip"),
    RedirectRefused("invalid_redirect", "no"),
    JobFailed("failed", {"id": 7}, ["why"]),
]


def drawn():
    """Return each drawn error's name with the name of the one it hangs from."""
    parents, path = {}, []
    for indent, name in DRAWN.findall(errors.__doc__):
        path[len(indent) // 4 :] = [name]
        parents[name] = path[-2] if path[1:] else None
    return parents


def test_every_error_is_exported():
    """All errors of the module are public."""
    made = {
        name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)
    }
    assert made == CLASSES.keys()


def test_drawn_tree():
    """The tree in the docstring is the tree of classes."""
    assert drawn() == {
        name: None if each is TymeconnError else each.__bases__[0].__name__
        for name, each in CLASSES.items()
    }


def test_wrong_arguments_are_value_errors():
    """Code that expects a ValueError for a wrong argument catches InvalidRequest."""
    with pytest.raises(ValueError, match="no"):
        raise InvalidRequest("invalid_url", "no")


def test_retryable():
    """Trying again may help against what is passing, and not against what is wrong."""
    assert ConnectError.retryable
    assert TlsError.retryable
    assert not any(each.retryable for each in (ExchangeError, CertificateError, ProtocolError, TooLarge))


def test_before_the_exchange_ended():
    """An error that no exchange has ended with knows of no bytes and no phase."""
    error = ConnectError("refused")
    assert (error.phase, error.origin, error.sent, error.received, error.reused) == ("", None, 0, 0, False)


@pytest.mark.parametrize(
    "error", [IncompleteRead("why", b"half"), JobFailed("why", {"id": 7}, [1]), StatusError("why", 1)]
)
def test_message(error):
    """What an error carries is not part of its message."""
    assert str(error) == "why"


@pytest.mark.parametrize(
    ("error", "kind"), [(TooLarge("head"), "too_large"), (DecodeError("cut"), "decode")]
)
def test_kinds_of_answers_that_break_a_rule(error, kind):
    """An answer that is too large or cannot be decoded is a ProtocolError of its own kind."""
    assert isinstance(error, ProtocolError)
    assert error.kind == kind


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies(error, again):
    """A copied or pickled error has the same type, message and attributes."""
    error.phase = "receiving"
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)

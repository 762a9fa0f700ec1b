"""A file appears under its name when it is whole, or not at all."""

from __future__ import annotations

import os
import threading

import pytest

from tymeconn.net import saving as module
from tymeconn.net.saving import Saving

from ..exchanging.parking import Parking


def drive(generator):
    """Run the generator, asleep while it waits for a thread."""
    ((value, _),) = Parking().run(generator)
    return value


def settled():
    """Wait until the threads have done what was asked before."""
    for thread in threading.enumerate():
        if thread.name == "tymeconn-offload":
            thread.join(20)


def saved(path, *pieces):
    saving = Saving(path)
    with saving:
        drive(saving.open())
        for piece in pieces:
            saving.write(piece)
        drive(saving.finish())


def test_whole_file(tmp_path):
    """The pieces are there under the name, and nothing is beside it."""
    saved(tmp_path / "x", b"one", b"", b"two")
    assert (tmp_path / "x").read_bytes() == b"onetwo"
    assert os.listdir(tmp_path) == ["x"]


def test_older_file_is_replaced_at_the_end(tmp_path):
    """Until the new one is whole the old one is there."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    saving = Saving(str(path))
    with saving:
        drive(saving.open())
        saving.write(b"new")
        assert path.read_bytes() == b"old"
        drive(saving.finish())
    assert path.read_bytes() == b"new"


def test_unfinished_file_is_removed(tmp_path):
    """Whoever gives up leaves nothing behind."""
    with Saving(tmp_path / "x") as saving:
        drive(saving.open())
        saving.write(b"half")
    settled()
    assert os.listdir(tmp_path) == []


def test_giving_up_while_the_file_is_made(tmp_path):
    """The thread that makes the file may come too late."""
    with Saving(tmp_path / "x") as saving:
        opening = saving.open()
        with saving._lock:
            next(opening)
            opening.close()
    settled()
    assert os.listdir(tmp_path) == []


def test_removal_that_comes_first(tmp_path):
    """A file is not made any more once it was given up."""
    saving = Saving(tmp_path / "x")
    saving._removed()
    drive(saving.open())
    assert os.listdir(tmp_path) == []


def test_somebody_else_removed_it(tmp_path):
    """What is gone need not be removed."""
    with Saving(tmp_path / "x") as saving:
        drive(saving.open())
        (beside,) = tmp_path.iterdir()
        beside.unlink()
    settled()
    assert os.listdir(tmp_path) == []


def test_no_directory(tmp_path):
    """Why no file can be made is the caller's to know."""
    saving = Saving(tmp_path / "none" / "x")
    with pytest.raises(FileNotFoundError), saving:
        drive(saving.open())


def test_name_that_is_taken_by_a_directory(tmp_path):
    """A file that cannot be named is removed."""
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        saved(tmp_path / "x", b"a")
    settled()
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("path", "error"), [(7, TypeError), (b"x", TypeError), (None, TypeError), ("a\0", ValueError)]
)
def test_no_path(path, error):
    """What is no path is refused when it is given."""
    with pytest.raises(error):
        Saving(path)


def test_files_are_made_off_the_thread(tmp_path, monkeypatch):
    """Neither opening nor naming happens on the thread that waits."""
    threads = set()
    for name in ("_opened", "_named"):
        own = getattr(module.Saving, name)
        monkeypatch.setattr(
            module.Saving, name, lambda self, own=own: threads.add(threading.get_ident()) or own(self)
        )
    saved(tmp_path / "x", b"a")
    assert threads
    assert threading.get_ident() not in threads


def test_name_that_no_file_has(tmp_path):
    """What the system cannot encode is refused when it is given."""
    with pytest.raises(ValueError, match="surrogates"):
        Saving(str(tmp_path / "\ud800"))


def test_saving_without_a_descriptor_left(tmp_path, monkeypatch):
    """Who cannot be woken asks again."""
    monkeypatch.setattr(module.Ticket, "fileno", lambda ticket: None)
    saving = Saving(tmp_path / "x")
    with saving:
        for wait in saving.open():
            assert wait == 0.0
            assert not wait.on

"""The command line: tymeconn serve, demo and poll."""

from __future__ import annotations

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich"})


def main() -> None:
    """Run the command of the process's arguments; SystemExit with 1 when the extra is not installed."""
    try:
        from .commands import tymeconn
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRA:
            raise
        raise SystemExit("the command line is not installed: pip install tymeconn[cli]") from None
    tymeconn()

"""Nonblocking HTTP for cooperative programs."""

__version__ = "0.1.0"

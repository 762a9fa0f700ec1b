"""Sockets, names and TLS: nothing here blocks the thread that services it."""

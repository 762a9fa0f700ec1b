"""Tools for tests, users' own included: no sockets, no waiting, no chance."""

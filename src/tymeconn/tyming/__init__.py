"""Time and waiting: no HTTP, no sockets."""

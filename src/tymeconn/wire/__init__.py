"""HTTP as bytes and values: no socket, no clock, no scheduler."""

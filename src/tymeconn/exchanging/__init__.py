"""Requests in flight: what carries one request to one outcome."""

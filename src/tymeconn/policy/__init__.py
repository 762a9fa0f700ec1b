"""Decisions: frozen values and pure functions."""

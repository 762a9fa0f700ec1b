"""aiohttp on uvloop."""

from __future__ import annotations

import uvloop

from .with_aiohttp import works

COUNTED, TIMED = works(uvloop.new_event_loop)

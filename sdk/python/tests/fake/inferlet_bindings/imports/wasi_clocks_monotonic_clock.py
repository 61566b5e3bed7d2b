"""Time that only moves when the program waits."""

from __future__ import annotations

from .wasi_io_poll import Clock, Pollable


def now() -> int:
    return Clock.now


def resolution() -> int:
    return 1


def subscribe_instant(when: int) -> Pollable:
    return Pollable(when)


def subscribe_duration(when: int) -> Pollable:
    # What is due lets others have a turn, once.
    return Pollable(Clock.now + max(when, 1))

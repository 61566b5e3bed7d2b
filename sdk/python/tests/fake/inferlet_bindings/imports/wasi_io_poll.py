"""Pollables: ready once the clock has reached a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Clock:
    now = 0
    polls = 0


class Resource:
    """What a resource of the bindings can do besides its methods."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.__dict__["given_back"] = True


class Never(Exception):
    """The program waits for something that cannot happen: the real engine ends it."""


class Pollable(Resource):
    def __init__(self, due: int | None, arrived: Callable[[], bool] = lambda: False) -> None:
        self.due = due
        self.arrived = arrived

    def ready(self) -> bool:
        return self.arrived() or (self.due is not None and Clock.now >= self.due)

    def block(self) -> None:
        poll([self])


def poll(in_: list[Pollable]) -> list[int]:
    assert in_, "a list of pollables is not empty"
    Clock.polls += 1
    if not any(pollable.ready() for pollable in in_):
        times = [pollable.due for pollable in in_ if pollable.due is not None]
        if not times:
            raise Never("nothing can happen any more")
        Clock.now = max(Clock.now, min(times))
    return [index for index, pollable in enumerate(in_) if pollable.ready()]

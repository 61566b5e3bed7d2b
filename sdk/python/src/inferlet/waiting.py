"""Calls that wait: awaitable where an event loop runs, blocking where none does.

This is the one rule behind the two styles of programs. Inside ``async def main(input)``, and in everything that it calls, an
event loop runs: a call that waits returns something to ``await``, and others run meanwhile. In a program without ``main``, whose
statements are the program, no loop runs, and the same call returns its result when it is there.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from .errors import InferletError
from .loop import InferletLoop

P = ParamSpec("P")
T = TypeVar("T")

_idle_loop: InferletLoop | None = None


def in_loop() -> bool:
    """Whether the caller runs inside an event loop, so that calls that wait have to be awaited."""
    return asyncio._get_running_loop() is not None


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end from outside of any event loop. Tasks that it leaves behind go on in the next call."""
    global _idle_loop
    if _idle_loop is None or _idle_loop.is_closed():
        _idle_loop = InferletLoop()
    return _idle_loop.run_until_complete(coroutine)


def close_idle_loop() -> None:
    """Ends what is left of blocking calls: the tasks of their loop are cancelled."""
    global _idle_loop
    if _idle_loop is not None and not _idle_loop.is_closed():
        _idle_loop.end()
    _idle_loop = None


def waits(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Makes of an ``async def`` a function that returns its coroutine inside an event loop, and runs it to its end outside."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        coroutine = function(*args, **kwargs)
        return coroutine if asyncio._get_running_loop() is not None else finish(coroutine)

    mark = getattr(inspect, "markcoroutinefunction", None)  # since Python 3.12
    return mark(call) if mark else call


def pollable_ready(pollable: Any) -> Awaitable[None]:
    """Waits until a ``wasi:io`` pollable is ready. Other tasks run meanwhile."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, InferletLoop):
        return loop.wait(pollable)
    raise InferletError("this event loop is not the engine's: use the one that runs `main`")

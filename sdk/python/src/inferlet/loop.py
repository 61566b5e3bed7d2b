"""An event loop for ``asyncio`` over ``wasi:io`` pollables.

What an inferlet waits for ends in a pollable. :meth:`InferletLoop.wait` turns one into a future; when no task can go on, the
loop blocks on all of the pollables together and wakes the tasks whose pollable is ready. So the passes of tasks that wait at
once overlap. Timers are a pollable too, of the monotonic clock, which is virtual in test runs.

All of ``asyncio`` that needs neither threads, sockets nor processes works as usual, because this is the standard library's
own loop with another way to wait. Of several tasks that become ready at once, the one that was created first goes first: so
what a program does is a function of what it waits for, and of nothing else.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import base_events
from bisect import insort
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from . import _bindings
from .absent import PROCESSES, SOCKETS, THREADS, AbsentError
from .errors import InferletError

_NANOSECONDS = 1_000_000_000
_TURNS_BEFORE_LOOKING = 64
"""So many turns may follow each other while tasks are ready, before those that wait for the engine are looked at."""
_MIN_CANCELLED_TIMERS = 100
"""From so many cancelled timers on, they are removed when they are the majority."""


class InferletLoop(base_events.BaseEventLoop):
    """The event loop that runs ``main``. A program has no need to make one: ``asyncio.run`` does."""

    # Of `BaseEventLoop`: what is to be run next, timers as a heap, how many of those are cancelled, whether somebody called `stop`.
    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _timer_cancelled_count: int
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._waits: list[_Wait] = []
        self._tasks_made = 0
        self._busy_turns = 0

    def wait(self, pollable: Any) -> asyncio.Future[None]:
        """A future that is done when the pollable is ready. Cancelling it gives the pollable up."""
        future = self.create_future()
        task = asyncio.current_task(self)
        insort(self._waits, _Wait(getattr(task, "number", 0), pollable, future))
        return future

    def end(self) -> None:
        """Cancels the tasks that are left, lets them clean up, and closes the loop."""
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        try:
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.run_until_complete(self.shutdown_asyncgens())
        finally:
            self._waits.clear()
            self.close()

    def time(self) -> float:
        """Seconds of the monotonic clock: virtual in test runs."""
        return float(_bindings.clock.now() / _NANOSECONDS)

    def create_task(self, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:  # type: ignore[override, unused-ignore]
        """Runs a coroutine beside the others."""
        if self._task_factory is not None:  # type: ignore[attr-defined]
            return super().create_task(coro, **kwargs)
        self._check_closed()  # type: ignore[attr-defined]
        self._tasks_made += 1
        return _Task(coro, loop=self, number=self._tasks_made, **kwargs)

    # `BaseEventLoop.run_forever` calls this until the loop is stopped.
    def _run_once(self) -> None:
        self._drop_cancelled_timers()
        if not self._ready:
            self._block()
        elif self._waits:
            self._look()
        self._start_due_timers()
        ready = self._ready
        # What these make ready has its turn after all of them.
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _block(self) -> None:
        """Waits until a task or a timer can go on."""
        self._busy_turns = 0
        waits = self._waits = [wait for wait in self._waits if not wait.future.done()]
        pollables = [wait.pollable for wait in waits]
        if self._scheduled:
            due = _nanoseconds(self._scheduled[0]._when)
            pollables.append(_bindings.clock.subscribe_instant(due))
        if not pollables:
            # Whoever stopped the loop wants it to return.
            if not self._stopping:
                self._stalled()
            return
        self._wake(_bindings.poll.poll(pollables))

    def _look(self) -> None:
        """Now and then, while some tasks are busy, sees to those that wait for the engine, and lets the engine have a turn."""
        self._busy_turns += 1
        if self._busy_turns < _TURNS_BEFORE_LOOKING:
            return
        self._busy_turns = 0
        self._waits = [wait for wait in self._waits if not wait.future.done()]
        pollables = [wait.pollable for wait in self._waits]
        pollables.append(_bindings.clock.subscribe_duration(0))
        self._wake(_bindings.poll.poll(pollables))

    def _wake(self, ready: list[int]) -> None:
        # The host tells them in the order of their handles, which follows from what was freed before.
        woken = [self._waits[index] for index in sorted(ready) if index < len(self._waits)]
        for wait in woken:
            wait.future.set_result(None)
        if woken:
            self._waits = [wait for wait in self._waits if not wait.future.done()]

    def _start_due_timers(self) -> None:
        if not self._scheduled:
            return
        now = _bindings.clock.now()
        while self._scheduled and _nanoseconds(self._scheduled[0]._when) <= now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)

    def _drop_cancelled_timers(self) -> None:
        scheduled = self._scheduled
        if self._timer_cancelled_count > max(_MIN_CANCELLED_TIMERS, len(scheduled) // 2):
            for handle in scheduled:
                handle._scheduled = not handle._cancelled
            self._scheduled = [handle for handle in scheduled if handle._scheduled]
            heapq.heapify(self._scheduled)
            self._timer_cancelled_count = 0
        while self._scheduled and self._scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(self._scheduled)._scheduled = False

    def _stalled(self) -> NoReturn:
        places = sorted({place for task in asyncio.all_tasks(self) if (place := _waiting_place(task))})
        where = f": see {'; '.join(places)}" if places else ""
        raise InferletError(f"the program waits for something that nothing will ever provide{where}")

    # Called from other threads, of which there are none.
    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: Any) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override, unused-ignore]
        """There are no threads in an inferlet."""
        # `asyncio.to_thread` hands over a call of `Context.run` with the function as its argument.
        inner = getattr(func, "args", (func,))
        name = getattr(inner[0] if inner else func, "__qualname__", repr(func))
        raise AbsentError(f"`{name}` cannot run in a thread; {THREADS}")

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """There are no sockets in an inferlet."""
        _no_sockets()

    getnameinfo = create_connection = create_server = create_datagram_endpoint = getaddrinfo
    create_unix_connection = create_unix_server = getaddrinfo

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """There are no processes in an inferlet."""
        raise AbsentError(PROCESSES)

    subprocess_shell = subprocess_exec


class _Task(asyncio.Task):  # type: ignore[type-arg]
    """A task that knows how many were created before it."""

    def __init__(self, coro: Any, *, loop: InferletLoop, number: int, **kwargs: Any) -> None:
        # Before the task is made: an eager one begins to run at once.
        self.number = number
        if kwargs.get("name") is None:
            # Counted in this loop, and not since the interpreter was started.
            kwargs["name"] = f"Task-{number}"
        super().__init__(coro, loop=loop, **kwargs)


class _Wait:
    """A pollable and who waits for it."""

    __slots__ = ("future", "number", "pollable")

    def __init__(self, number: int, pollable: Any, future: asyncio.Future[None]) -> None:
        self.number = number
        self.pollable = pollable
        self.future = future

    def __lt__(self, other: _Wait) -> bool:
        return self.number < other.number


def _nanoseconds(seconds: float) -> int:
    return max(0, round(seconds * _NANOSECONDS))


def _no_sockets() -> NoReturn:
    raise AbsentError(SOCKETS)


def _waiting_place(task: asyncio.Task[Any]) -> str | None:
    """Where the code of a program waits in a task: the innermost place that is not the SDK's or the standard library's."""
    place = None
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None and not is_internal(frame.f_code.co_filename):
            place = f"`{frame.f_code.co_filename}`, line {frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return place


_SDK_FOLDER = __file__[: -len("loop.py")]
_LIBRARY_FOLDER = asyncio.__file__[: -len("asyncio/__init__.py")]


def is_internal(filename: str) -> bool:
    """Whether a file belongs to this SDK or to Python rather than to the program."""
    if filename.startswith(_SDK_FOLDER) or filename.startswith("<frozen"):
        return True
    return filename.startswith(_LIBRARY_FOLDER) and "site-packages" not in filename

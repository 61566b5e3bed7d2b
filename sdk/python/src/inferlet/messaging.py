"""Messages between the inferlets of one user in one engine.

A topic is any text. Its queue and its subscriptions are separate: a pushed message reaches one puller, a broadcast message
reaches every subscriber.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _bindings, jsons
from .errors import InferletError
from .waiting import finish, in_loop, pollable_ready, waits

__all__ = ["Subscription", "broadcast", "pull", "push", "subscribe"]


def push(topic: str, message: Any) -> None:
    """Appends a message to the topic's queue. A ``str`` goes as it is, any other value as JSON text. It stays there until
    somebody pulls it."""
    _bindings.messaging.push(topic, _text(message))


@waits
async def pull(topic: str) -> str:
    """The next message of the topic's queue. Pullers are served in the order in which they asked; who gives up leaves the
    message in the queue."""
    pending = _bindings.messaging.pull(topic)
    await pollable_ready(pending.pollable())
    message = pending.get()
    if message is None:
        raise InferletError(f"there will be no message of `{topic}`")
    return message  # type: ignore[no-any-return]


def broadcast(topic: str, message: Any) -> None:
    """Sends a message to all who subscribe to the topic at this moment, the sender too if it does. A ``str`` goes as it is,
    any other value as JSON text."""
    _bindings.messaging.broadcast(topic, _text(message))


def subscribe(topic: str) -> Subscription:
    """Receives what is broadcast on the topic from now on."""
    return Subscription(_bindings.messaging.subscribe(topic), topic)


class Subscription:
    """A place in the audience of a topic: keeps every message until it is taken, up to a bound of the engine.

    ``async for message in subscription`` takes one after the other until it is unsubscribed; outside of an event loop a plain
    ``for`` does. It unsubscribes at the end of a ``with`` block, and when it is dropped.
    """

    def __init__(self, raw: Any, topic: str) -> None:
        self._raw = raw
        self._topic = topic

    @waits
    async def next(self) -> str | None:
        """The next message; ``None`` once it is unsubscribed."""
        return await self._next()

    async def _next(self) -> str | None:
        if self._raw is None:
            return None
        # A message that is there is taken without asking for a pollable.
        message = self._raw.get()
        if message is None:
            await pollable_ready(self._raw.pollable())
            message = self._raw.get() if self._raw is not None else None
        return message  # type: ignore[no-any-return]

    def unsubscribe(self) -> None:
        """Stops receiving, and discards what was not taken. Whoever waits for a message gets ``None``."""
        if self._raw is not None:
            self._raw.unsubscribe()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> str:
        message = await self._next()
        if message is None:
            raise StopAsyncIteration
        return message

    def __iter__(self) -> Subscription:
        if in_loop():
            raise InferletError("use `async for` with a subscription inside `async def`")
        return self

    def __next__(self) -> str:
        message = finish(self._next())
        if message is None:
            raise StopIteration
        return message

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unsubscribe()

    def __repr__(self) -> str:
        return f"Subscription({self._topic!r})"


def _text(message: Any) -> str:
    return message if isinstance(message, str) else jsons.dumps(message)

"""The conversation with whoever launched this inferlet. Signals of the client arrive as messages."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from . import _bindings, jsons
from .errors import InferletError
from .waiting import pollable_ready, waits

__all__ = ["SessionEnded", "messages", "receive", "receive_file", "send", "send_file"]

# Whatever is asked for is answered once. So a question whose asker gave up is kept for the next one, and nothing is lost.
_open_texts: deque[Any] = deque()
_open_files: deque[Any] = deque()


class SessionEnded(InferletError):
    """The client is gone: nothing more will come."""


def send(message: Any) -> None:
    """Sends a message to the client. A ``str`` goes as it is, any other value as JSON text. Never waits; order is kept."""
    _bindings.session.send(message if isinstance(message, str) else jsons.dumps(message))


def send_file(data: bytes) -> None:
    """Sends bytes to the client. Never waits; order is kept."""
    _bindings.session.send_file(bytes(data))


@waits
async def receive() -> str:
    """The next message of the client. Each goes to one receiver, in the order in which they asked.

    Raises :class:`SessionEnded` if the client is gone.
    """
    return await _next(_open_texts, _bindings.session.receive, "message")  # type: ignore[no-any-return]


@waits
async def receive_file() -> bytes:
    """The next file of the client; otherwise as :func:`receive`."""
    return await _next(_open_files, _bindings.session.receive_file, "file")  # type: ignore[no-any-return]


async def messages() -> AsyncIterator[str]:
    """The messages of the client one after the other, until it is gone: ``async for message in session.messages()``."""
    try:
        while True:
            yield await _next(_open_texts, _bindings.session.receive, "message")
    except SessionEnded:
        return


async def _next(given_up: deque[Any], ask: Any, what: str) -> Any:
    pending = given_up.popleft() if given_up else ask()
    try:
        await pollable_ready(pending.pollable())
    except BaseException:
        given_up.append(pending)
        raise
    value = pending.get()
    if value is None:
        raise SessionEnded(f"there will be no {what}: the client is gone")
    return value

"""Generators to be gone through with a plain ``for``: token by token, or event by event.

These are the streams of programs whose statements are the program, without ``main``. Inside ``async def`` the same objects are gone
through with ``async for``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from collections.abc import Generator as PythonGenerator
from dataclasses import dataclass
from typing import Any

from . import chat, tools
from . import reasoning as reasoning_format
from .errors import InferletError
from .generation import Generator
from .model import Model
from .waiting import finish, in_loop, waits

__all__ = ["AnyEvent", "Decoder", "Event", "EventStream", "TokenStream"]


class Event:
    """What a generation amounts to: one of the classes in it."""

    @dataclass(frozen=True)
    class Text:
        """Generated text."""

        text: str

    @dataclass(frozen=True)
    class Thinking:
        """Text of a block of reasoning. With ``reasoning=True`` only."""

        text: str

    @dataclass(frozen=True)
    class ThinkingDone:
        """A block of reasoning has ended."""

        text: str
        """The whole text of it."""

    @dataclass(frozen=True)
    class ToolCallStart:
        """The model begins to call a tool. With ``tool_use=True`` only."""

    @dataclass(frozen=True)
    class ToolCall:
        """A complete call."""

        name: str
        """The tool's name."""
        arguments: str
        """Its arguments, as JSON text."""

    @dataclass(frozen=True)
    class Done:
        """The generation has ended, by a stop token or at its limit."""

        text: str
        """The whole text."""


AnyEvent = Event.Text | Event.Thinking | Event.ThinkingDone | Event.ToolCallStart | Event.ToolCall | Event.Done


class Decoder:
    """Turns generated tokens into events: those of the chat template, and of reasoning and tool calls where asked for."""

    def __init__(self, model: Model, *, reasoning: bool = False, tool_use: bool = False) -> None:
        self._chat = chat.Decoder(model)
        self._reasoning = reasoning_format.Decoder(model) if reasoning else None
        self._tools = tools.Decoder(model) if tool_use else None
        self._thinks = False
        self._calls = False
        self._text: list[str] = []
        self._done = False

    def feed(self, tokens: list[int]) -> list[AnyEvent]:
        """Takes the next tokens, in order and each once; returns what they amount to, often nothing."""
        events: list[AnyEvent] = []
        # One at a time, because a decoder reports one event for all that it is given.
        for token in tokens:
            events += self._feed([token])
        return events

    def finish(self) -> AnyEvent:
        """The end of the generation, for one that ended without the token that says so."""
        self._done = True
        return Event.Done("".join(self._text))

    @property
    def is_done(self) -> bool:
        """Whether the end was reported."""
        return self._done

    def reset(self) -> None:
        """Back to the start of a turn."""
        for decoder in (self._chat, self._reasoning, self._tools):
            if decoder is not None:
                decoder.reset()
        self._thinks = self._calls = self._done = False
        self._text.clear()

    def _feed(self, token: list[int]) -> Iterator[AnyEvent]:
        thought = self._thinks
        yield from self._think(token)
        yield from self._call(token)
        event = self._chat.feed(token)
        if isinstance(event, chat.Event.Delta) and not thought and not self._thinks:
            self._text.append(event.text)
            yield Event.Text(event.text)
        elif isinstance(event, chat.Event.Done):
            yield self.finish()

    def _think(self, token: list[int]) -> Iterator[AnyEvent]:
        event = self._reasoning.feed(token) if self._reasoning is not None else None
        if isinstance(event, reasoning_format.Event.Start):
            self._thinks = True
        elif isinstance(event, reasoning_format.Event.Delta):
            self._thinks = True
            yield Event.Thinking(event.text)
        elif isinstance(event, reasoning_format.Event.End):
            self._thinks = False
            yield Event.ThinkingDone(event.text)

    def _call(self, token: list[int]) -> Iterator[AnyEvent]:
        event = self._tools.feed(token) if self._tools is not None else None
        if isinstance(event, tools.Event.Call):
            yield Event.ToolCallStart()
            yield Event.ToolCall(event.name, event.args)


class TokenStream(Generator):
    """A generator that a plain ``for`` goes through, outside of an event loop: each step gives the tokens that it accepted."""

    def __iter__(self) -> Iterator[list[int]]:
        if in_loop():
            raise InferletError("use `async for` with a generator inside `async def`")
        return self._batches()

    def _batches(self) -> PythonGenerator[list[int], None, None]:
        while (step := self._next()) is not None:
            tokens = finish(step._execute()).tokens
            if tokens:
                yield tokens

    @waits
    async def text(self) -> str:
        """Runs to the end; the text, decoded by the chat template."""
        return await self._collect_text()

    @waits
    async def tokens(self) -> list[int]:
        """Runs to the end; all accepted tokens."""
        return await self._collect_tokens()


class EventStream:
    """The events of a generation, for ``for`` outside of an event loop and ``async for`` inside. Made by ``Context.generate`` with
    ``decode=True``. The last one is ``Event.Done``."""

    def __init__(self, stream: TokenStream, *, reasoning: bool = False, tool_use: bool = False) -> None:
        self._stream = stream
        self._decoder = Decoder(stream._ctx.model, reasoning=reasoning, tool_use=tool_use)
        self._events: deque[AnyEvent] = deque()

    @property
    def generator(self) -> Generator:
        """The generator underneath."""
        return self._stream

    def __aiter__(self) -> AsyncIterator[AnyEvent]:
        return self

    async def __anext__(self) -> AnyEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    def __iter__(self) -> Iterator[AnyEvent]:
        if in_loop():
            raise InferletError("use `async for` with events inside `async def`")
        return self

    def __next__(self) -> AnyEvent:
        event = finish(self._next())
        if event is None:
            raise StopIteration
        return event

    def __await__(self) -> Any:
        """``await ctx.generate(..., decode=True)`` is the stream itself."""
        return self
        yield

    @waits
    async def text(self) -> str:
        """Runs to the end; the text."""
        while (event := await self._next()) is not None:
            if isinstance(event, Event.Done):
                return event.text
        raise InferletError("these events were taken before")

    async def _next(self) -> AnyEvent | None:
        stream, decoder = self._stream, self._decoder
        while not self._events:
            if decoder.is_done:
                return None
            step = stream._next()
            if step is None:
                stop = stream.stopped_by
                # The template's own stop token makes the decoder hand over what it still holds back.
                ending = decoder.feed([stop]) if stop is not None and stop in stream._template_stops else []
                self._events += ending
                if not decoder.is_done:
                    self._events.append(decoder.finish())
            else:
                self._events += decoder.feed((await step._execute()).tokens)
        return self._events.popleft()

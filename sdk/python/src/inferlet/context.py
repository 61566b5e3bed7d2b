"""Contexts: token sequences whose keys and values the engine keeps in pages.

A :class:`Context` is the sequence that the model has seen, followed by a buffer of tokens that it has not seen yet. Filling
appends to the buffer; a pass (of :meth:`Context.flush`, or the first step of a generator) moves the buffer into the model's
sight. Pages are reserved before a pass, just enough of them, and committed after it when they are full.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from . import _bindings, chat, market, scheduling
from ._bindings import fallible
from .errors import InferletError
from .market import Bidding
from .model import Model
from .pages import Extent
from .passes import Pass
from .waiting import pollable_ready, waits

if TYPE_CHECKING:
    from .adapter import Adapter
    from .constraint import Constraint, Schema
    from .forward import Forward
    from .sample import Sampler
    from .spec import Speculator
    from .streams import EventStream, TokenStream

_made = itertools.count(1)


class Tail(NamedTuple):
    """A token at the end of the sequence, valid as long as the sequence is this long."""

    token: int
    position: int
    seq_len: int


class Context:
    """A token sequence and its KV pages, empty at first. Its pages are freed when it is dropped, at the end of a ``with`` block, or by
    :meth:`release`.

    ``name`` is what it is called in messages, and what :meth:`save` saves it as by default; without one it is numbered.
    """

    def __init__(self, model: Model, name: str | None = None) -> None:
        self._setup(fallible(_bindings.context.Context.create, model._raw), model, name)

    def _setup(self, raw: Any, model: Model, name: str | None) -> None:
        self._raw = raw
        self._model = model
        self._name = name
        self._number = next(_made)
        self._page_size: int = raw.tokens_per_page()
        self._buffer: list[int] = []
        # The last token that the model has seen, where it is known.
        self._tail: Tail | None = None
        # Slots at the end that are no part of the sequence: those of a pass that reads the last token once more.
        self._ghosts = 0
        self._bidding = Bidding()

    @classmethod
    def _wrap(cls, raw: Any, model: Model, name: str | None) -> Context:
        context = cls.__new__(cls)
        context._setup(raw, model, name)
        return context

    # Construction and lifecycle

    @staticmethod
    def open(model: Model, name: str) -> Context | None:
        """A copy of the snapshot saved as ``name``, which stays. ``None`` if there is no such snapshot for this model and
        user."""
        return _found(_bindings.context.Context.open, model, name)

    @staticmethod
    def take(model: Model, name: str) -> Context | None:
        """The snapshot saved as ``name`` itself: it is no snapshot any more. ``None`` if there is no such snapshot."""
        return _found(_bindings.context.Context.take, model, name)

    @staticmethod
    def delete(model: Model, name: str) -> None:
        """Removes the snapshot saved as ``name``. Raises :class:`InferletError` if there is no such snapshot."""
        fallible(_bindings.context.Context.delete, model._raw, name)

    def fork(self, name: str | None = None) -> Context:
        """A second context with the same sequence and the same buffer. Full pages are shared, so that it takes no longer for a
        long sequence than for a short one. Waits for the passes of this
        context that are under way."""
        fork = Context._wrap(fallible(self._raw.fork), self._model, name)
        fork._buffer = list(self._buffer)
        fork._tail = self._tail
        fork._ghosts = self._ghosts
        fork._end_rerun()
        return fork

    def save(self, name: str | None = None) -> None:
        """Saves the sequence under a name of your choice, by default the context's own, replacing an older snapshot of that name. It lives
        as long as the engine. Buffered tokens are flushed first, so that they are not lost; the whole program waits for that."""
        name = name or self._name
        if not name:
            raise InferletError("a context without a name needs one to be saved as: `save(name)`")
        self._flush_blocking()
        fallible(self._raw.save, name)

    def snapshot(self) -> str:
        """As :meth:`save`, under a name that the engine picks and this returns."""
        self._flush_blocking()
        return fallible(self._raw.snapshot)  # type: ignore[no-any-return]

    def release(self) -> None:
        """Frees the pages now. The context cannot be used any more."""
        self._buffer.clear()
        self._raw.destroy()

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    # Filling

    def system(self, text: str) -> Context:
        """Appends a message with instructions for the model."""
        return self.append(chat.system(self._model, text))

    def user(self, text: str) -> Context:
        """Appends a message of the user."""
        return self.append(chat.user(self._model, text))

    def assistant(self, text: str) -> Context:
        """Appends a complete answer of the model, as an example or as history."""
        return self.append(chat.assistant(self._model, text))

    def cue(self) -> Context:
        """Appends the head of the model's turn, which makes it answer next. Does nothing if the buffer ends in it already."""
        tokens = chat.cue(self._model)
        if not tokens or self._buffer[-len(tokens) :] != tokens:
            self.append(tokens)
        return self

    def seal(self) -> Context:
        """Appends what closes the model's turn. A generator leaves the turn open: its stop token is not appended."""
        return self.append(chat.seal(self._model))

    def append(self, tokens: Iterable[int]) -> Context:
        """Appends tokens as they are."""
        self._buffer += tokens
        return self

    def fill(self, text: str) -> Context:
        """Appends a text as it is, without a chat template."""
        return self.append(self._model.tokenizer().encode(text))

    def fill_tokens(self, tokens: Iterable[int]) -> Context:
        """The same as :meth:`append`."""
        return self.append(tokens)

    def equip_tools(self, tools: Sequence[Any]) -> Context:
        """Appends what tells the model about tools; see :func:`inferlet.tools.equip_prefix`."""
        from .tools import equip_prefix

        return self.append(equip_prefix(self._model, tools))

    def answer_tool(self, name: str, value: Any) -> Context:
        """Appends the result of a call; see :func:`inferlet.tools.answer_prefix`."""
        from .tools import answer_prefix

        return self.append(answer_prefix(self._model, name, value))

    @waits
    async def flush(self) -> None:
        """Lets the model see the buffered tokens (prefill), and commits the pages that they fill. Nothing happens on an empty
        buffer."""
        under_way = self._submit_buffer()
        if under_way is not None:
            pending, extent = under_way
            await self._receive(pending)
            self._commit_full_pages(extent)

    def truncate(self, n: int) -> None:
        """Drops the last ``n`` tokens that the model has seen, to roll back. Buffered tokens are not affected.

        Raises :class:`InferletError` if fewer than ``n`` tokens are in working pages: those in committed pages stay. Nothing is
        dropped then.
        """
        self._end_rerun()
        if n <= 0:
            return
        available = self._raw.working_page_token_count()
        if n > available:
            raise InferletError(
                f"cannot truncate {n} tokens: {available} are in working pages, the others are committed"
            )
        self._raw.truncate_working_page_tokens(n)

    def take_buffer(self) -> list[int]:
        """Takes the buffered tokens out, to feed them to a :class:`inferlet.Forward` of your own."""
        tokens, self._buffer = self._buffer, []
        return tokens

    # Inspection

    @property
    def model(self) -> Model:
        """The model the context was made for."""
        return self._model

    @property
    def name(self) -> str:
        """What it is called: the name it was given, or a number."""
        return self._name or f"context-{self._number}"

    @property
    def page_size(self) -> int:
        """Tokens in one KV page."""
        return self._page_size

    @property
    def seq_len(self) -> int:
        """Number of tokens in committed and working pages. Buffered tokens do not count."""
        raw = self._raw
        return (  # type: ignore[no-any-return]
            raw.committed_page_count() * self._page_size + raw.working_page_token_count() - self._ghosts
        )

    def buffer(self) -> list[int]:
        """Tokens appended but not yet seen by the model."""
        return list(self._buffer)

    def __repr__(self) -> str:
        return f"Context({self.name!r})"

    # Running the model

    @overload
    def generate(
        self,
        sampler: Sampler,
        *,
        max_tokens: int | None = ...,
        stop: Iterable[int] | None = ...,
        constrain: Schema | Constraint | Sequence[Schema | Constraint] | None = ...,
        logit_mask: Sequence[int] | None = ...,
        speculator: Speculator | None = ...,
        system_speculation: bool = ...,
        adapter: Adapter | None = ...,
        zo_seed: int | None = ...,
        horizon: int | None = ...,
        auto_flush: bool = ...,
        decode: Literal[False] = ...,
        reasoning: bool = ...,
        tool_use: bool = ...,
    ) -> TokenStream: ...

    @overload
    def generate(self, sampler: Sampler, *, decode: Literal[True], **options: Any) -> EventStream: ...

    def generate(self, sampler: Sampler, **options: Any) -> Any:
        """Generates tokens with ``sampler``: returns a :class:`inferlet.Generator` to collect from or to go through step by step.

        ==========================  ==============================================================================================
        ``max_tokens``              ends after so many accepted tokens
        ``stop``                    the tokens to end at; by default those of the chat template, or none without ``auto_flush``
        ``constrain``               a constraint or schema, or several, all of which hold
        ``logit_mask``              a mask over the vocabulary that holds at every step (see :mod:`inferlet.brle`)
        ``speculator``              verifies the drafts of a :class:`inferlet.spec.Speculator`
        ``system_speculation``      verifies the drafts of the engine; excludes ``speculator``
        ``adapter``                 applied in every step
        ``zo_seed``                 perturbs the adapter with the noise of this seed in every step
        ``horizon``                 how many tokens to expect, for planning bids in the market for pages
        ``auto_flush``              ``True`` (the default) cues the model, as :meth:`cue` does, so that it answers; ``False`` has the
                                    text continued as it stands
        ``decode``                  ``True`` returns an :class:`inferlet.EventStream` of texts, and of thoughts with
                                    ``reasoning=True`` and tool calls with ``tool_use=True``
        ==========================  ==============================================================================================
        """
        from .streams import EventStream, TokenStream

        decode, reasoning, tool_use = (options.pop(name, False) for name in ("decode", "reasoning", "tool_use"))
        stream = TokenStream(self, sampler, **options)
        if not decode and (reasoning or tool_use):
            raise InferletError("`reasoning` and `tool_use` need `decode=True`: they are events")
        return EventStream(stream, reasoning=reasoning, tool_use=tool_use) if decode else stream

    @waits
    async def generate_text(self, sampler: Sampler | None = None, **options: Any) -> str:
        """Generates, and returns the text as the chat template decodes it. Takes what :meth:`generate` takes; the sampler is
        ``Sampler.top_p()`` by default."""
        from .sample import Sampler
        from .streams import TokenStream

        return await TokenStream(self, sampler or Sampler.top_p(), **options)._collect_text()

    def forward(self) -> Forward:
        """One forward pass, to be described step by step."""
        from .forward import Forward

        return Forward(self)

    # The market for KV pages

    def set_bid(self, value: float) -> None:
        """Overrides the bid for the next pass: ``value`` credits a page and step. A generator bids by itself again on the step
        after."""
        self._bidding.override = float(value)
        self._raw.bid(float(value))

    @contextmanager
    def idle(self) -> Iterator[Context]:
        """Bids nothing in a ``with`` block, for the time in which this context waits for something else."""
        self._raw.bid(0.0)
        try:
            yield self
        finally:
            override = self._bidding.override
            if override is None:
                self._bid_for(market.EXPECTED_STEPS)
            else:
                self._raw.bid(override)

    def suspend(self) -> None:
        """Returns all pages to the pool. The context is restored by itself, highest bid first, when there is room; passes wait
        for that."""
        fallible(self._raw.suspend)

    def _bid_for(self, steps: int) -> None:
        self._raw.bid(market.sustainable_bid(market.observe(self, steps)))

    # What `Forward` and `Generator` share

    def _begin(self) -> Extent:
        """Settles what an abandoned pass left behind, and reads how the pages are filled. Every pass begins with it."""
        self._end_rerun()
        raw = self._raw
        return Extent(
            self._page_size,
            raw.committed_page_count(),
            raw.working_page_count(),
            raw.working_page_token_count(),
        )

    def _affordable_drafts(self, count: int) -> int:
        """How many of so many drafts a step is to verify behind the buffered tokens: all of them, or, while pages are short, those that need
        no page of their own. A guess is not worth waiting for a page, or taking it from somebody."""
        if count == 0:
            return 0
        room = self._begin().grown(len(self._buffer)).room
        # Rents are paid, and paid out, exactly while somebody waits for pages.
        return room if count > room and scheduling.dividend(self._model) > 0.0 else count

    def _submit(self, described: Pass, extent: Extent) -> Any:
        """Reserves the pages that are missing and hands the pass to the engine. On an error the context is as it was."""
        missing = extent.missing_pages(described.slot_count)
        if missing > 0:
            fallible(self._raw.reserve_working_pages, missing)
        raw = _bindings.inference.ForwardPass(self._model._raw)
        raw.context(self._raw)
        described.describe(raw)
        try:
            return fallible(raw.execute)
        except InferletError:
            self._raw.release_working_pages(missing)
            raise

    def _submit_step(self, described: Pass, extent: Extent, rerun: bool) -> Any:
        """Submits the pass of a step: of the buffered tokens, or of the last token once more."""
        pending = self._submit(described, extent)
        if rerun:
            self._ghosts = described.slot_count
        else:
            # The slots are claimed: from here on the tokens are in the sequence, even if nobody waits for the pass.
            self._buffer = []
            self._set_tail(described, 0, extent)
        return pending

    def _end_rerun(self) -> None:
        """Drops the slots of a pass that read the last token once more, if there are any."""
        if self._ghosts > 0:
            ghosts, self._ghosts = self._ghosts, 0
            self._raw.truncate_working_page_tokens(ghosts)

    async def _receive(self, pending: Any) -> Any:
        """Waits for the output of a pass."""
        await pollable_ready(pending.pollable())
        output = pending.get()
        if output is None:
            raise InferletError("the engine gave no output for this pass")
        return output

    def _commit_full_pages(self, extent: Extent) -> None:
        """Commits what is full after a pass."""
        full = extent.full_pages
        if full > 0:
            fallible(self._raw.commit_working_pages, full)

    def _known_tail(self, extent: Extent) -> Tail | None:
        """The last token that the model has seen; ``None`` when it is not known, as after :meth:`open`."""
        tail = self._tail
        return tail if tail is not None and tail.seq_len == extent.seq_len else None

    def _set_tail(self, described: Pass, drafts: int, extent: Extent) -> None:
        """Remembers that the sequence ends with the input of the pass and the first ``drafts`` of its drafts, ``extent`` being how it
        was before."""
        seq_len = extent.seq_len + len(described.tokens) + drafts
        if drafts > 0:
            self._tail = Tail(described.drafts[drafts - 1], described.draft_positions[drafts - 1], seq_len)
        elif described.tokens and described.positions:
            self._tail = Tail(described.tokens[-1], described.positions[-1], seq_len)
        else:
            self._tail = None

    def _submit_buffer(self) -> tuple[Any, Extent] | None:
        """The buffer as a pass under way, and how the pages are filled once it is done."""
        count = len(self._buffer)
        if count == 0:
            return None
        extent = self._begin()
        described = Pass(tokens=self._buffer, positions=extent.positions(0, count))
        return self._submit_step(described, extent, False), extent.grown(count)

    def _flush_blocking(self) -> None:
        self._end_rerun()
        under_way = self._submit_buffer()
        if under_way is not None:
            pending, extent = under_way
            pending.pollable().block()
            self._commit_full_pages(extent)


def _found(find: Any, model: Model, name: str) -> Context | None:
    try:
        raw = find(model._raw, name)
    except _bindings.Err:
        # The interface says of neither of the two that it fails for another reason.
        return None
    return Context._wrap(raw, model, None)

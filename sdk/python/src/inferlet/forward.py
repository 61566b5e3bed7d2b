"""One forward pass, described step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import _bindings
from ._bindings import fallible
from .adapter import Adapter
from .context import Context
from .errors import InferletError
from .model import Model
from .output import Output, ProbeHandle, SampleHandle
from .passes import Pass
from .sample import Probe, Sampler
from .waiting import pollable_ready, waits


class Forward:
    """One pass over a context, made by :meth:`Context.forward`. Pages are reserved, positions derived and full pages committed by
    itself. It can be executed once.

    Outside of ``async def``, where nothing has to be awaited:

    >>> ctx = Context(Model.load("default"))
    >>> tokens = ctx.model.tokenizer().encode("Once upon a")
    >>> fwd = ctx.forward().input(tokens)
    >>> handle = fwd.sample([len(tokens) - 1], Sampler.argmax())
    >>> out = fwd.execute()
    >>> ctx.append([out.token(handle)]).seq_len == len(tokens)
    True
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._start = ctx.seq_len
        self._pass = Pass()
        self._done = False

    def input(self, tokens: Iterable[int]) -> Forward:
        """Adds input tokens at the positions that follow: from :meth:`start_position`, or from the last token added."""
        tokens = list(tokens)
        positions = self._pass.positions
        first = positions[-1] + 1 if positions else self._start
        self._pass.tokens += tokens
        positions += range(first, first + len(tokens))
        return self

    def input_at(self, tokens: Iterable[int], positions: Iterable[int]) -> Forward:
        """Adds input tokens at explicit positions. :meth:`execute` fails if the two differ in length."""
        self._pass.tokens += tokens
        self._pass.positions += positions
        return self

    def attention_mask(self, masks: Iterable[Sequence[int]]) -> Forward:
        """Which slots each input token sees, one mask (see :mod:`inferlet.brle`) a token: over the slots up to itself, or over all with
        this pass. Without masks attention is causal."""
        self._pass.attention += [list(mask) for mask in masks]
        return self

    def mask(self, brle: Sequence[int]) -> Forward:
        """Which tokens may be chosen, at every sampled position: a mask over the vocabulary (see :mod:`inferlet.brle`)."""
        self._pass.logit_mask = list(brle)
        return self

    def sample(self, indices: Iterable[int], sampler: Sampler) -> SampleHandle:
        """Chooses a token behind each of these inputs, counted from 0 in the order they were added."""
        return SampleHandle(self._pass.readings.add(list(indices), sampler._to_raw()))

    def probe(self, index: int, probe: Probe) -> ProbeHandle:
        """Reads the distribution behind one input, counted as in :meth:`sample`."""
        return ProbeHandle(self._pass.readings.add([index], probe._to_raw()))

    def adapter(self, adapter: Adapter) -> Forward:
        """Applies an adapter in this pass."""
        self._pass.adapter = adapter
        return self

    def zo_seed(self, seed: int) -> Forward:
        """Perturbs the adapter with the noise of this seed in this pass (see :mod:`inferlet.zo`)."""
        self._pass.zo_seed = seed
        return self

    def start_position(self) -> int:
        """The position that the first token added with :meth:`input` gets: the length of the context's sequence when this pass
        was begun."""
        return self._start

    @property
    def page_size(self) -> int:
        """Tokens in one KV page."""
        return self._ctx.page_size

    @waits
    async def execute(self) -> Output:
        """Runs the pass.

        Raises :class:`InferletError` if the context has buffered tokens, because they come first: flush them, or feed them
        yourself with :meth:`Context.take_buffer`. Otherwise as the engine says: no input, lists of different lengths, an index past
        the input, a mask of the wrong length, a token outside the vocabulary, no pages. The context is as before then.
        """
        ctx = self._ctx
        if ctx._buffer:
            raise InferletError(
                f"{len(ctx._buffer)} buffered tokens come before this pass: "
                "call `flush`, or feed what `take_buffer` returns"
            )
        if self._done:
            raise InferletError("this pass has been executed: make another one with `ctx.forward()`")
        extent = ctx._begin()
        pending = ctx._submit(self._pass, extent)
        self._done = True
        ctx._set_tail(self._pass, 0, extent)
        raw = await ctx._receive(pending)
        ctx._commit_full_pages(extent.grown(self._pass.slot_count))
        return Output(raw, self._pass.readings.slot_ranges())


class ForwardPass:
    """A pass as the interface has it: nothing is reserved, derived or committed by itself. :class:`Forward` is easier.

    Without :meth:`context` it sees its own input only, and leaves nothing behind.
    """

    def __init__(self, model: Model) -> None:
        self._raw = _bindings.inference.ForwardPass(model._raw)
        self._counts: list[int] = []

    def context(self, ctx: Context) -> ForwardPass:
        """The context that the pass reads and extends. Its working pages have to hold the input."""
        self._raw.context(ctx._raw)
        return self

    def input_tokens(self, tokens: Sequence[int], positions: Sequence[int]) -> ForwardPass:
        """Adds input tokens, each with its absolute position."""
        self._raw.input_tokens(list(tokens), list(positions))
        return self

    def input_speculative_tokens(self, tokens: Sequence[int], positions: Sequence[int]) -> ForwardPass:
        """Adds guessed tokens behind the input. Those that do not hold leave the context again."""
        self._raw.input_speculative_tokens(list(tokens), list(positions))
        return self

    def output_speculative_tokens(self, flag: bool = True) -> ForwardPass:
        """Whether to return guesses at the tokens that come after this pass."""
        self._raw.output_speculative_tokens(flag)
        return self

    def attention_mask(self, masks: Sequence[Sequence[int]]) -> ForwardPass:
        """Which slots each input token sees, one mask a token."""
        self._raw.attention_mask([list(mask) for mask in masks])
        return self

    def logit_mask(self, mask: Sequence[int]) -> ForwardPass:
        """Which tokens may be chosen; several masks combine with "and"."""
        self._raw.logit_mask(list(mask))
        return self

    def sampler(self, indices: Sequence[int], sampler: Sampler | Probe) -> SampleHandle:
        """Reads at these inputs, with a sampler or a probe."""
        self._raw.sampler(list(indices), sampler._to_raw())
        self._counts.append(len(indices))
        return SampleHandle(len(self._counts) - 1)

    def adapter(self, adapter: Adapter) -> ForwardPass:
        """Applies an adapter in this pass."""
        self._raw.adapter(adapter._raw)
        return self

    @waits
    async def execute(self) -> Output:
        """Runs the pass. Raises :class:`InferletError` with what is wrong with it."""
        pending = fallible(self._raw.execute)
        await pollable_ready(pending.pollable())
        raw: Any = pending.get()
        if raw is None:
            raise InferletError("the engine gave no output for this pass")
        ranges, start = [], 0
        for count in self._counts:
            ranges.append((start, start + count))
            start += count
        return Output(raw, ranges)

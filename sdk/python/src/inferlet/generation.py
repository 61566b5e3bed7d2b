"""Generating tokens: the loop around passes, with stop tokens, limits, constraints and speculation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from . import chat, jsons
from .adapter import Adapter
from .constraint import Constraints, as_constraint, as_constraints, json_schema, static_mask
from .context import Context
from .errors import InferletError
from .market import EXPECTED_STEPS
from .output import ProbeHandle
from .passes import Readings
from .progress import Checkpoint, Progress
from .sample import Probe, Sampler
from .spec import Speculator, check_drafts
from .step import AUTO_SAMPLER, GenStep
from .waiting import waits


class Generator:
    """Generates tokens behind a context, one step at a time: made by :meth:`Context.generate`, and run by a collector
    or step by step.

    It ends at its stop tokens and at its limit. Accepted tokens are part of the context, whether the generator runs to its end
    or is dropped before.

    >>> async def tell(ctx: Context) -> list[int]:
    ...     tokens = []
    ...     async for step in ctx.generate(Sampler.top_p(0.6, 0.95), max_tokens=8):
    ...         tokens += (await step.execute()).tokens
    ...     return tokens
    >>> len(asyncio.run(tell(Context(Model.load("default")).user("Once upon a time")))) <= 8
    True
    """

    def __init__(
        self,
        ctx: Context,
        sampler: Sampler,
        *,
        max_tokens: int | None = None,
        stop: Iterable[int] | None = None,
        constrain: Any = None,
        logit_mask: Sequence[int] | None = None,
        speculator: Speculator | None = None,
        system_speculation: bool = False,
        adapter: Adapter | None = None,
        zo_seed: int | None = None,
        horizon: int | None = None,
        auto_flush: bool = True,
    ) -> None:
        if not sampler.chooses:
            raise InferletError(f"`{sampler.kind}` chooses no token: read it with a `Forward` or a probe")
        if speculator is not None and system_speculation:
            raise InferletError("`speculator` and `system_speculation` exclude each other; choose one")
        if auto_flush:
            ctx.cue()
        self._ctx = ctx
        self._sampler = sampler
        # Stop tokens of the chat template, which its decoder understands.
        self._template_stops = chat.stop_tokens(ctx.model)
        self._progress = Progress(stop if stop is not None else self._template_stops if auto_flush else ())
        self._progress.max_tokens = max_tokens
        self._constraints = Constraints()
        # Whether the constraints have to be asked for the mask of the next step, and that mask otherwise.
        self._mask_stale = True
        self._mask: list[int] | None = None
        self._speculator = speculator
        # The drafts that the engine returned in the last step; `None` when its drafter is off.
        self._engine_drafts: list[int] | None = [] if system_speculation else None
        # Accepted tokens that the constraints and the speculator have not been told about, and drafts of the speculator for the last
        # step that did not hold or were not used.
        self._untold: list[int] = []
        self._untold_speculator: list[int] = []
        self._rejected = 0
        self._adapter = adapter
        self._zo_seed = zo_seed
        self._horizon = horizon
        # What every step reads: the sampler first, then the probes. Indices count from the position to predict from.
        self._readings = Readings()
        self._readings.add([0], sampler._to_raw())
        # For `accept`: the state before a step that accepted what the sampler chose; or how else the last step ended.
        self._before: Checkpoint | None = None
        self._open = False
        self._speculated = False
        # Tokens accepted without a pass that no step has reported.
        self._forced: list[int] = []
        # What went wrong where no error could be raised; the next step raises it.
        self._fault: InferletError | None = None
        for constraint in as_constraints(constrain, ctx.model) if constrain is not None else []:
            self._constraints.push(constraint)
        if logit_mask is not None:
            self._constraints.push(static_mask(logit_mask))

    # Configuration

    def max_tokens(self, n: int) -> Generator:
        """Ends after ``n`` accepted tokens."""
        self._progress.max_tokens = n
        return self

    def stop(self, tokens: Iterable[int]) -> Generator:
        """The tokens to end at, instead of those before. The token itself is not accepted."""
        self._progress.stop = set(tokens)
        return self

    def add_stop(self, tokens: Iterable[int]) -> Generator:
        """Further tokens to end at."""
        self._progress.stop.update(tokens)
        return self

    def constrain(self, constraint: Any) -> Generator:
        """Restricts what is generated, by a constraint or a schema. Several all hold.

        Raises :class:`InferletError` if a schema does not compile.
        """
        self._constraints.push(as_constraint(constraint, self._ctx.model))
        self._mask_stale = True
        return self

    def horizon(self, n: int) -> Generator:
        """How many tokens to expect, for planning bids in the market for pages. Without it the engine's default bid stays."""
        self._horizon = n
        return self

    def adapter(self, adapter: Adapter) -> Generator:
        """Applies an adapter in every step."""
        self._adapter = adapter
        return self

    def zo_seed(self, seed: int) -> Generator:
        """Perturbs the adapter with the noise of this seed in every step (see :mod:`inferlet.zo`)."""
        self._zo_seed = seed
        return self

    def probe_each_step(self, idx: int, probe: Probe) -> ProbeHandle:
        """Reads the distribution in every step. Index 0 is the position that the next token is predicted from; with speculation
        1 and on are the drafts."""
        return ProbeHandle(self._readings.add([idx], probe._to_raw()))

    # Inspection

    @property
    def tokens_generated(self) -> int:
        """Number of tokens accepted so far."""
        return self._progress.accepted

    @property
    def is_done(self) -> bool:
        """Whether the generation has ended."""
        return self._progress.is_done

    @property
    def stopped_by(self) -> int | None:
        """The stop token that ended the generation, for decoders that want to see it; ``None`` otherwise."""
        return self._progress.stopped_by

    # Step by step

    def __aiter__(self) -> AsyncIterator[GenStep]:
        return self

    async def __anext__(self) -> GenStep:
        """The next step, to be executed. A step that is dropped without having been executed changes nothing.

        Raises :class:`InferletError` if the context has no token to predict from, if the constraints allow no token, or if a
        speculator answers what makes no sense.
        """
        step = self._next()
        if step is None:
            raise StopAsyncIteration
        return step

    def _next(self) -> GenStep | None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if self.is_done:
            return None
        if self._open:
            raise InferletError("the last step chose no token: after `clear_sampler` call `accept`")
        if self._mask_stale:
            self._ask_constraints()
        drafts = self._ask_drafter()
        # Whatever is verified beyond the end of the generation would be taken back, and would have drawn random numbers.
        del drafts[self._progress.useful_drafts(drafts) :]
        ctx = self._ctx
        del drafts[ctx._affordable_drafts(len(drafts)) :]
        if ctx._bidding.begin_step(self._horizon is not None):
            ctx._bid_for(self._expected_steps())
        return GenStep(self, drafts)

    def accept(self, tokens: Iterable[int]) -> list[int]:
        """Accepts tokens that you chose: after :meth:`GenStep.clear_sampler`, or in place of what the step's sampler chose; tokens
        that constraints had forced before that stay. Further calls before the next step add to them. Stop tokens and the limit
        apply. Returns the tokens that were accepted."""
        tokens = list(tokens)
        if self._speculated:
            raise InferletError(
                "`accept` cannot replace what a speculative step has verified; call `clear_sampler` before it"
            )
        if self._before is not None:
            undone = self._progress.accepted
            self._progress.restore(self._before)
            undone -= self._progress.accepted
            for list_ in (self._untold, self._untold_speculator, self._ctx._buffer):
                del list_[max(0, len(list_) - undone) :]
        self._settle_last(None)
        if self._engine_drafts is not None:
            self._engine_drafts = []
        accepted = tokens[: self._progress.accept(tokens)]
        self._ctx.append(accepted)
        self._tell_later(accepted)
        self._mask_stale = True
        return accepted

    def _settle_last(self, before: Checkpoint | None, *, is_open: bool = False, speculated: bool = False) -> None:
        """How the last step ended, for :meth:`accept`."""
        self._before, self._open, self._speculated = before, is_open, speculated

    def _tell_later(self, accepted: list[int]) -> None:
        self._untold += accepted
        self._untold_speculator += accepted

    def _ask_constraints(self) -> None:
        told, self._untold = self._untold, []
        self._mask = self._constraints.step(told)
        self._mask_stale = False

    def _speculates(self) -> bool:
        """Whether drafts are verified at all. Under a constraint each draft would need a mask of its own, and a pass has one. What the arg max
        chooses under a mask is what it chooses without, if that is allowed; what another sampler draws is not, so with it there would
        be other tokens with drafts than without."""
        has_drafter = self._speculator is not None or self._engine_drafts is not None
        return has_drafter and (not self._constraints or self._sampler._is_argmax)

    def _ask_drafter(self) -> list[int]:
        """Drafts for the next step."""
        # A pass of the last token once more has no place for drafts.
        usable = bool(self._ctx._buffer) and self._speculates()
        if self._speculator is None:
            self._untold_speculator = []
            if self._engine_drafts is not None and not usable:
                self._engine_drafts = []
            return list(self._engine_drafts or ())
        self._tell(self._speculator)
        if not usable:
            return []
        drafts, positions = self._speculator.draft()
        check_drafts(drafts, positions, self._ctx.seq_len + len(self._ctx._buffer))
        # Until a step says otherwise.
        self._rejected = len(drafts)
        return list(drafts)

    def _tell(self, speculator: Speculator) -> None:
        rejected, self._rejected = self._rejected, 0
        if rejected > 0:
            speculator.rollback(rejected)
        if self._untold_speculator:
            told, self._untold_speculator = self._untold_speculator, []
            speculator.accept(told)

    def _expected_steps(self) -> int:
        limit = self._progress.max_tokens
        expected = self._horizon if self._horizon is not None else EXPECTED_STEPS if limit is None else limit
        return max(1, expected - self._progress.accepted)

    # Collectors: run to the end and return everything

    @waits
    async def collect_tokens(self) -> list[int]:
        """All accepted tokens."""
        return await self._collect_tokens()

    @waits
    async def collect_text(self) -> str:
        """The text, decoded by the chat template."""
        return await self._collect_text()

    @waits
    async def collect_json(
        self, *, schema: Any = None, parse: Callable[[str], Any] | None = None
    ) -> Any:
        """A value: constrains the output to JSON, and parses it, or has ``parse`` make something of the text.

        ``schema`` is a JSON Schema as text or ``dict``, a :class:`inferlet.constraint.Schema`, or a type (a dataclass, ``TypedDict``, pydantic
        model, ``list[int]``), whose value is returned then. Without one any JSON will do.

        Raises :class:`InferletError` if the schema does not compile, or the limit cut the text before it was complete.
        """
        limit = self._progress.max_tokens
        text = await self.constrain(json_schema(schema))._collect_text()
        if parse is not None:
            return parse(text)
        try:
            value = json.loads(text)
        except ValueError as error:
            if limit is not None and self._progress.accepted >= limit:
                raise InferletError(f"the limit of {limit} tokens cut the JSON short: {text}") from None
            raise InferletError(f"the output is no JSON: {error}: {text}") from None
        is_type = schema is not None and not isinstance(schema, (str, dict)) and (
            isinstance(schema, type) or not hasattr(schema, "build_constraint")
        )
        return jsons.from_json(value, schema) if is_type else value

    async def _collect_tokens(self) -> list[int]:
        tokens: list[int] = []
        while (step := self._next()) is not None:
            tokens += (await step._execute()).tokens
        return tokens

    async def _collect_text(self) -> str:
        decoder = chat.Decoder(self._ctx.model)
        text = ""
        while (step := self._next()) is not None:
            text = _fed(decoder, (await step._execute()).tokens, text)
        # The template's own stop token makes the decoder hand over what it still holds back.
        if self.stopped_by is not None and self.stopped_by in self._template_stops:
            text = _fed(decoder, [self.stopped_by], text)
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sampler}, {self.tokens_generated} tokens)"


def _fed(decoder: chat.Decoder, tokens: list[int], text: str) -> str:
    if not tokens:
        return text
    event = decoder.feed(tokens)
    if isinstance(event, chat.Event.Delta):
        return text + event.text
    return event.text if isinstance(event, chat.Event.Done) else text


__all__ = ["AUTO_SAMPLER", "GenStep", "Generator"]

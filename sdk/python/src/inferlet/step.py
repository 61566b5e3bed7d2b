"""One step of a generation: its pass, and what the generation makes of the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import brle
from .errors import InferletError
from .output import Output, ProbeHandle, SampleHandle
from .pages import Extent
from .passes import Pass, Readings
from .sample import Probe, Sampler
from .spec import Verified, verify
from .waiting import waits

if TYPE_CHECKING:
    from .generation import Generator

AUTO_SAMPLER = 0
"""The request number of the sampler that a generator attaches."""


@dataclass
class _Plan:
    """A pass and how it stands to the sequence."""

    described: Pass
    extent: Extent
    """How the pages are filled before it."""
    rerun: bool
    """The pass only reads the last token once more: its slot is dropped afterwards."""


class GenStep:
    """The next step of a :class:`inferlet.Generator`, ready to be executed."""

    __slots__ = ("_drafts", "_generator", "_readings")

    def __init__(self, generator: Generator, drafts: list[int]) -> None:
        self._generator = generator
        self._readings = generator._readings.copy()
        self._drafts = drafts

    def clear_sampler(self) -> GenStep:
        """Removes the sampler that the generator attached. Choose a token yourself, from a probe for instance, and hand it to
        :meth:`Generator.accept`. The step makes no use of drafts then."""
        self._readings.remove(AUTO_SAMPLER)
        self._drafts = []
        return self

    def probe(self, idx: int, probe: Probe) -> ProbeHandle:
        """Reads the distribution in this step. Index 0 is the position that the next token is predicted from; with speculation
        1 and on are the drafts."""
        return ProbeHandle(self._readings.add([idx], probe._to_raw()))

    def sample(self, indices: Iterable[int], sampler: Sampler) -> SampleHandle:
        """Attaches another sampler in this step, indices as for :meth:`probe`. The generator does not accept what it chooses:
        hand it to :meth:`Generator.accept`."""
        return SampleHandle(self._readings.add(list(indices), sampler._to_raw()))

    @waits
    async def execute(self) -> Output:
        """Runs the pass and accepts what the generator's sampler chose, in ``tokens`` of the output.

        Where the constraints allow one token only, it is accepted without asking the model, and fed with the pass for the
        first token that is a choice; it comes first in ``tokens``. If the generation ends with such tokens, there is no pass. A step that
        reads anything itself, or has no sampler, is about the very next token: it always has its pass, and so has each step with
        speculation, whose drafters want to see what was chosen.
        """
        return await self._execute()

    async def _execute(self) -> Output:
        g, readings = self._generator, self._readings
        ctx = g._ctx
        sampled = readings.is_attached(AUTO_SAMPLER)
        if readings.is_only(AUTO_SAMPLER) and not g._speculates():
            _force(g)
            if g.is_done:
                forced, g._forced = g._forced, []
                return Output(None, [], None, forced)
        extent = ctx._begin()
        plan = _plan(g, extent, readings, self._drafts)
        described = plan.described
        try:
            pending = ctx._submit_step(described, extent, plan.rerun)
        except InferletError as error:
            raise _explained(g, error, described) from None
        raw = await ctx._receive(pending)
        if described.logit_mask is not None:
            g._constraints.trust(described.logit_mask)
        if g._engine_drafts is not None:
            g._engine_drafts = list(raw.spec_tokens)
        ranges = described.readings.slot_ranges()
        if not sampled:
            g._settle_last(None, is_open=True)
            _keep(g, plan, 0)
            return Output(raw, ranges)
        out = Output(raw, ranges, SampleHandle(AUTO_SAMPLER))
        chosen = _settle(g, plan, out.tokens_at(SampleHandle(AUTO_SAMPLER)))
        out.tokens, g._forced = g._forced + chosen, []
        return out


def _force(g: Generator) -> None:
    """Accepts tokens for as long as the constraints allow one only. What the model would say makes no difference to them."""
    ctx = g._ctx
    # Without constraints there is nothing to force; without a token to predict from, it is for the pass to say so.
    if g._mask_stale or g._mask is None or (not ctx._buffer and ctx.seq_len == 0):
        return
    while g._mask is not None and (token := g._constraints.only(g._mask)) is not None:
        if g._progress.accept([token]) == 0:
            break
        g._settle_last(None)
        ctx.append([token])
        g._tell_later([token])
        g._forced.append(token)
        g._mask_stale = True
        if g.is_done:
            break
        g._ask_constraints()


def _explained(g: Generator, error: InferletError, described: Pass) -> InferletError:
    """Says whose mask it is that the engine did not take."""
    if described.logit_mask is None:
        return error
    return InferletError(f"{error} (constrained by {g._constraints.names()})")


def _plan(g: Generator, extent: Extent, readings: Readings, drafts: list[int]) -> _Plan:
    """Builds the pass: the buffered tokens and the drafts behind them, or the last token once more if nothing is buffered."""
    ctx = g._ctx
    attention: list[list[int]] = []
    tokens = ctx._buffer
    rerun = not tokens
    if rerun:
        tail = ctx._known_tail(extent)
        if tail is None:
            raise InferletError(
                "there is no token to predict from: append one, or call `cue`, before `generate`"
            )
        seq_len = extent.seq_len
        # The token is in the sequence already. In its second appearance it sees what it saw in the first.
        attention = [brle.from_ranges([(0, seq_len - 1), (seq_len, seq_len + 1)], seq_len + 1)]
        tokens, positions = [tail.token], [tail.position]
    else:
        positions = extent.positions(0, len(tokens))
    anchor, last = len(tokens) - 1, len(drafts)
    if readings.last_index() > last:
        raise InferletError(f"index {readings.last_index()} is past this step, whose last one is {last}")
    described = Pass(
        tokens=tokens,
        positions=positions,
        drafts=drafts,
        draft_positions=extent.positions(len(tokens), last),
        wants_drafts=g._engine_drafts is not None and g._speculates(),
        attention=attention,
        # Drafts are checked against the constraints afterwards: each needs a mask of its own.
        logit_mask=None if drafts or g._mask_stale else g._mask,
        readings=readings.placed(anchor, list(range(anchor, anchor + last + 1))),
        adapter=g._adapter,
        zo_seed=g._zo_seed,
    )
    return _Plan(described, extent, rerun)


def _settle(g: Generator, plan: _Plan, chosen: list[int]) -> list[int]:
    """Accepts what the sampler chose, and leaves in the context exactly what was accepted."""
    ctx, drafts = g._ctx, plan.described.drafts
    if len(chosen) != len(drafts) + 1:
        raise InferletError(f"the engine chose {len(chosen)} tokens, {len(drafts) + 1} were asked for")
    if drafts:
        g._settle_last(None, speculated=True)
        verified = _check(g, drafts, chosen)
    else:
        g._settle_last(g._progress.checkpoint())
        verified = Verified(accepted=1, held=0)
    accepted = chosen[: g._progress.accept(chosen[: verified.accepted])]
    in_pages = min(len(accepted), verified.held)
    ctx.truncate(verified.held - in_pages)
    _keep(g, plan, in_pages)
    ctx.append(accepted[in_pages:])
    g._untold_speculator += accepted
    g._rejected = max(0, g._rejected - in_pages)
    if verified.moved:
        g._mask, g._mask_stale = verified.next_mask, False
    else:
        # The verification has moved the constraints over all but the last.
        g._untold += accepted[-1:]
        g._mask_stale = True
    return accepted


def _keep(g: Generator, plan: _Plan, drafts: int) -> None:
    """What stays in the pages: the input of the pass with the first ``drafts`` of its drafts, or nothing of a pass that only
    read the last token once more."""
    ctx = g._ctx
    if plan.rerun:
        ctx._end_rerun()
        return
    ctx._set_tail(plan.described, drafts, plan.extent)
    ctx._commit_full_pages(plan.extent.grown(len(plan.described.tokens) + drafts))


def _check(g: Generator, drafts: list[int], chosen: list[int]) -> Verified:
    mask = None if g._mask_stale else g._mask
    g._mask_stale = True

    def advance(token: int) -> tuple[bool, list[int] | None]:
        try:
            return True, g._constraints.step([token])
        except InferletError as dead_end:
            g._fault = dead_end
            return False, None

    return verify(drafts, chosen, mask, advance)

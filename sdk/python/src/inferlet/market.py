"""Bids of a context in the market for KV pages.

Every resident page pays rent per step, so a bid is good when it is the highest one that can be kept up to the end.
:func:`sustainable_bid` is that: what the instance has and will receive, less what new pages cost, spread evenly over the pages
and steps that remain.

A context that says nothing about itself keeps the engine's default, which is the same formula for an output of unknown
length. The SDK bids where it knows more: in each step of a generator with a horizon, and to restore a sensible bid after one
of the program's own, with ``Context.set_bid`` or ``Context.idle``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import scheduling

if TYPE_CHECKING:
    from .context import Context

EXPECTED_STEPS = 256
"""Steps to plan for when nothing says how long the output will be."""


class Situation(NamedTuple):
    """What a bid depends on. Amounts are credits."""

    balance: float
    dividend: float
    """Income a step."""
    price: float
    """Cost of one new page."""
    page_size: int
    seq_len: int
    steps: int
    """Steps that remain, one token each."""


def observe(ctx: Context, steps: int) -> Situation:
    """Reads the market for a context that expects ``steps`` more steps."""
    return Situation(
        balance=scheduling.balance(ctx.model),
        dividend=scheduling.dividend(ctx.model),
        price=scheduling.price(),
        page_size=ctx.page_size,
        seq_len=ctx.seq_len + len(ctx._buffer),
        steps=steps,
    )


def sustainable_bid(s: Situation) -> float:
    """The bid a page and step that uses up the funds exactly when the last step is done; never negative."""
    page_size = max(s.page_size, 1)
    now = -(-s.seq_len // page_size)
    end = -(-(s.seq_len + s.steps) // page_size)
    steps = float(max(s.steps, 1))
    funds = s.balance + s.dividend * steps - (end - now) * s.price
    page_steps = max(steps * (now + end) / 2.0, 1.0)
    return max(funds / page_steps, 0.0)


class Bidding:
    """Whether the program has overridden the bid of the next pass."""

    __slots__ = ("_restore", "override")

    def __init__(self) -> None:
        self.override: float | None = None
        # An override was used up: the next step restores the bid of the formula.
        self._restore = False

    def begin_step(self, has_horizon: bool) -> bool:
        """Called before each step. Whether to bid by the formula now: always for a generator with a horizon, and once after
        an override, but never in the step that the override is for."""
        if self.override is not None:
            self.override = None
            self._restore = True
            return False
        restore, self._restore = self._restore, False
        return restore or has_horizon

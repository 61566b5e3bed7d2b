"""Speculative decoding: guess several tokens ahead, verify them in one pass, keep those that hold.

It never changes what is generated, only how many passes it takes. It is off unless ``system_speculation`` (the engine's
n-gram drafter) or ``speculator`` turns it on.

A pass has one logit mask, but every draft would need its own. So with a constraint drafts are verified without mask and
checked against the constraint afterwards; that is exact for the arg max only, and with other samplers a constraint turns
speculation off.

While pages are short, only as many drafts are verified as fit into the pages that the step needs anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from . import brle
from .errors import InferletError

__all__ = ["Speculator"]


@runtime_checkable
class Speculator(Protocol):
    """Guesses what comes next. Any class with these four methods is one."""

    def draft(self) -> tuple[list[int], list[int]]:
        """Drafts for the next pass, with their absolute positions: the first one follows the token that was accepted last.
        Empty lists mean no speculation in this step."""
        ...

    def accept(self, tokens: list[int]) -> None:
        """Takes the tokens that the step accepted. The first one is the model's own prediction behind the last token; the
        others, if any, are drafts that held, or what the model chose instead of the first that did not. Where a constraint has turned
        speculation off, they may be tokens that it forced."""
        ...

    def rollback(self, n: int) -> None:
        """Forgets the last ``n`` drafts, which did not hold. Called before :meth:`accept`."""
        ...

    def reset(self) -> None:
        """Back to the initial state."""
        ...


def held_drafts(drafts: Sequence[int], chosen: Sequence[int]) -> int:
    """How many drafts hold, given what the sampler chose behind the last token (``chosen[0]``) and behind each draft: the
    longest run of drafts that agree with the choice before them."""
    held = 0
    for draft, token in zip(drafts, chosen):
        if draft != token:
            break
        held += 1
    return held


def check_drafts(drafts: Sequence[int], positions: Sequence[int], first: int) -> None:
    """Checks a speculator's answer: as many positions as drafts, and following ``first`` one by one."""
    if len(drafts) != len(positions):
        raise InferletError(f"the speculator returned {len(drafts)} drafts with {len(positions)} positions")
    for expected, position in enumerate(positions, first):
        if expected != position:
            raise InferletError(
                f"the speculator placed a draft at position {position}; "
                f"drafts follow the last token one by one, here {expected}"
            )




@dataclass(frozen=True)
class Verified:
    """The result of a verification."""

    accepted: int
    """How many of the chosen tokens count: the drafts that hold and the choice behind them, up to the first token that the
    constraints forbid."""
    held: int
    """Drafts that the engine keeps in the context."""
    moved: bool = False
    """Whether the constraints have already been moved over all accepted tokens; ``next_mask`` is theirs then."""
    next_mask: list[int] | None = None
    """The mask behind the last accepted token."""


def verify(
    drafts: Sequence[int],
    chosen: Sequence[int],
    mask: list[int] | None,
    advance: Callable[[int], tuple[bool, list[int] | None]],
) -> Verified:
    """Compares ``drafts`` with what the sampler chose. The pass ran without logit mask, so each choice is checked here:
    ``mask`` belongs to the first, and ``advance`` moves the constraints over a token and returns whether they allow anything
    there, and the mask."""
    held = held_drafts(drafts, chosen)
    accepted = 0
    for index, token in enumerate(chosen[: held + 1]):
        if mask is not None and not brle.allows(mask, token):
            return Verified(accepted, held, True, mask)
        accepted += 1
        if index < held:
            alive, mask = advance(token)
            if not alive:
                return Verified(accepted, held, True, None)
    return Verified(accepted, held)

"""How far a generation is: which tokens it accepts, and when and why it ends. Knows nothing of passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Checkpoint(NamedTuple):
    """A state to go back to."""

    accepted: int
    stopped_by: int | None


class Progress:
    """Accepts tokens until one of them, or their number, ends the generation."""

    __slots__ = ("accepted", "max_tokens", "stop", "stopped_by")

    def __init__(self, stop: Iterable[int]) -> None:
        self.stop = set(stop)
        self.max_tokens: int | None = None
        self.accepted = 0
        # The stop token that the model chose, which is not accepted.
        self.stopped_by: int | None = None

    @property
    def is_done(self) -> bool:
        return self.stopped_by is not None or (self.max_tokens is not None and self.accepted >= self.max_tokens)

    def useful_drafts(self, drafts: Sequence[int]) -> int:
        """How many of some drafts a step can use. What is chosen behind the last of them counts too, so one less than the limit allows;
        and nothing comes behind a stop token."""
        room = len(drafts) if self.max_tokens is None else max(0, self.max_tokens - self.accepted - 1)
        useful = 0
        for draft in drafts[:room]:
            if draft in self.stop:
                break
            useful += 1
        return useful

    def accept(self, tokens: Iterable[int]) -> int:
        """Accepts tokens in order up to the end of the generation; returns how many."""
        before = self.accepted
        for token in tokens:
            if self.is_done:
                break
            if token in self.stop:
                self.stopped_by = token
            else:
                self.accepted += 1
        return self.accepted - before

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.accepted, self.stopped_by)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Forgets what was accepted since."""
        self.accepted, self.stopped_by = checkpoint

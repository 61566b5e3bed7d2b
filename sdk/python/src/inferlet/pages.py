"""Page arithmetic of a context: how many pages to reserve before a pass, and how many are full after it."""

from __future__ import annotations

from typing import NamedTuple


class Extent(NamedTuple):
    """How the pages of a context are filled. Read from the engine once before a pass, and followed from there: every count is
    a call."""

    page_size: int
    """Slots in a page."""
    committed_pages: int
    """Full and immutable."""
    working_pages: int
    """Filled, partly filled and empty ones."""
    working_tokens: int
    """In all working pages together."""

    @property
    def seq_len(self) -> int:
        """Tokens in all pages."""
        return self.committed_pages * self.page_size + self.working_tokens

    def positions(self, offset: int, count: int) -> list[int]:
        """Positions for ``count`` tokens from ``offset`` behind the sequence."""
        start = self.seq_len + offset
        return list(range(start, start + count))

    def missing_pages(self, tokens: int) -> int:
        """Working pages to reserve so that ``tokens`` more fit."""
        needed = -(-(self.working_tokens + tokens) // max(self.page_size, 1))
        return max(0, needed - self.working_pages)

    @property
    def room(self) -> int:
        """Tokens that fit without another page, beyond those that are there."""
        needed = -(-self.working_tokens // max(self.page_size, 1))
        return max(0, max(self.working_pages, needed) * self.page_size - self.working_tokens)

    @property
    def full_pages(self) -> int:
        """Working pages that are full."""
        return self.working_tokens // max(self.page_size, 1)

    def grown(self, tokens: int) -> Extent:
        """With ``tokens`` more."""
        return self._replace(working_tokens=self.working_tokens + tokens)

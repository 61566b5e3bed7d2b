"""Masks in binary run-length encoding: lengths of runs that alternate between false and true, the first one false.

``[2, 3]`` is false, false, true, true, true; ``[0, 5]`` is five times true. The same encoding serves for attention masks
(over the slots of a context) and for logit masks (over the vocabulary). What these functions return is normal: no run but
the first is empty, and the runs add up to the length asked for. They accept masks that are not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

__all__ = ["allows", "allows_any", "and_", "from_indices", "from_ranges", "length", "only"]


def from_ranges(ranges: Iterable[range | tuple[int, int]], length: int) -> list[int]:
    """The mask of ``length`` positions that is true in all of ``ranges``, whatever their order and overlap.

    A range is a ``range`` of step 1, or a pair of start and end; the end is not part of it. Positions from ``length`` on are
    left out.

    >>> from_ranges([(0, 2), (5, 6)], 8)
    [0, 2, 3, 1, 2]
    """
    pairs = ((r.start, r.stop) if isinstance(r, range) else r for r in ranges)
    cut = sorted((min(start, length), min(end, length)) for start, end in pairs if start < end)
    runs = _Runs()
    for start, end in cut:
        start = max(start, runs.length)
        runs.push(False, start - runs.length)
        runs.push(True, end - start)
    runs.push(False, length - runs.length)
    return runs.lengths


def from_indices(indices: Iterable[int], length: int) -> list[int]:
    """The mask of ``length`` positions that is true at ``indices``, whatever their order. Indices from ``length`` on are
    left out.

    >>> from_indices([3, 1], 5)
    [1, 1, 1, 1, 1]
    """
    return from_ranges(((index, index + 1) for index in indices), length)


def and_(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The mask that is true where both are. It is as long as the longer one, and false where the shorter one has ended.

    >>> and_([1, 3, 4], [2, 6])
    [2, 2, 4]
    """
    first, second = _Cursor(a), _Cursor(b)
    runs = _Runs()
    while True:
        x, y = first.left(), second.left()
        if not x and not y:
            return runs.lengths
        # A mask that has ended is false from there on, as long as the other one needs.
        count = min(x, y) if x and y else x or y
        runs.push(bool(x and y) and first.value and second.value, count)
        first.advance(count)
        second.advance(count)


def length(mask: Sequence[int]) -> int:
    """Number of positions that the mask covers."""
    return sum(mask)


def allows(mask: Sequence[int], index: int) -> bool:
    """Whether the mask is true at ``index``. False past its end."""
    run = bisect_right(list(accumulate(mask)), index)
    return run < len(mask) and run % 2 == 1


def only(mask: Sequence[int]) -> int | None:
    """The index at which the mask is true, if it is so at one only.

    >>> only([3, 1, 4])
    3
    >>> only([3, 1, 2, 1])
    """
    true = mask[1::2]
    if sum(true) != 1:
        return None
    return sum(mask[: 2 * list(true).index(1) + 1])


def allows_any(mask: Sequence[int]) -> bool:
    """Whether the mask is true anywhere."""
    return any(mask[1::2])


class _Runs:
    """A mask under construction, kept normal."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.length = 0

    def push(self, value: bool, count: int) -> None:
        if count <= 0:
            return
        self.length += count
        last_is_true = len(self.lengths) % 2 == 0
        if not self.lengths:
            self.lengths = [0, count] if value else [count]
        elif last_is_true == value:
            self.lengths[-1] += count
        else:
            self.lengths.append(count)


class _Cursor:
    """Reads a mask run by run, in pieces."""

    def __init__(self, mask: Sequence[int]) -> None:
        self._mask = mask
        self._run = 0
        self._used = 0

    @property
    def value(self) -> bool:
        return self._run % 2 == 1

    def left(self) -> int:
        """What is left of the current run, past empty ones; 0 at the end of the mask."""
        while self._run < len(self._mask) and self._mask[self._run] == self._used:
            self._run += 1
            self._used = 0
        return self._mask[self._run] - self._used if self._run < len(self._mask) else 0

    def advance(self, count: int) -> None:
        self._used += min(count, self.left())

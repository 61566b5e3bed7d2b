"""One forward pass on the way to the engine: what :class:`inferlet.Forward` and :class:`inferlet.Generator` both build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import _bindings
from .adapter import Adapter


class Readings:
    """The samplers and probes of a pass, in the order in which they were asked for. The number of a request is what its
    handle holds, and stays valid when another request is dropped."""

    __slots__ = ("_requests",)

    def __init__(self, requests: list[tuple[list[int], Any] | None] | None = None) -> None:
        self._requests = [] if requests is None else requests

    def copy(self) -> Readings:
        return Readings(list(self._requests))

    def add(self, indices: list[int], sampler: Any) -> int:
        """Adds a request and returns its number."""
        self._requests.append((indices, sampler))
        return len(self._requests) - 1

    def remove(self, request: int) -> None:
        """Takes a request back. Its handle reads nothing."""
        self._requests[request] = None

    def is_attached(self, request: int) -> bool:
        return request < len(self._requests) and self._requests[request] is not None

    def is_only(self, request: int) -> bool:
        """Whether this request is the only one."""
        return self.is_attached(request) and len(self.attached()) == 1

    def attached(self) -> list[tuple[list[int], Any]]:
        return [request for request in self._requests if request is not None]

    def last_index(self) -> int:
        """The largest index asked for; -1 for none."""
        return max((index for indices, _ in self.attached() for index in indices), default=-1)

    def placed(self, anchor: int, first: list[int] | None) -> Readings:
        """The same with indices that count from ``anchor``; those of request 0 become ``first``."""
        requests: list[tuple[list[int], Any] | None] = []
        for number, request in enumerate(self._requests):
            if request is None:
                requests.append(None)
            elif number == 0 and first is not None:
                requests.append((first, request[1]))
            else:
                requests.append(([anchor + index for index in request[0]], request[1]))
        return Readings(requests)

    def slot_ranges(self) -> list[tuple[int, int]]:
        """For each request, which slots of the output answer it: one slot for each index, in order."""
        ranges, start = [], 0
        for request in self._requests:
            end = start + (0 if request is None else len(request[0]))
            ranges.append((start, end))
            start = end
        return ranges


@dataclass
class Pass:
    """Everything that goes into a pass. ``attention`` is empty or has one mask for each token."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    drafts: list[int] = field(default_factory=list)
    draft_positions: list[int] = field(default_factory=list)
    wants_drafts: bool = False
    attention: list[list[int]] = field(default_factory=list)
    logit_mask: list[int] | None = None
    readings: Readings = field(default_factory=Readings)
    adapter: Adapter | None = None
    zo_seed: int | None = None

    @property
    def slot_count(self) -> int:
        """Slots that the pass will claim in its context."""
        return len(self.tokens) + len(self.drafts)

    def describe(self, raw: Any) -> None:
        """Transfers everything to a raw pass; the caller sets the context."""
        raw.input_tokens(self.tokens, self.positions)
        if self.drafts:
            raw.input_speculative_tokens(self.drafts, self.draft_positions)
        if self.wants_drafts:
            raw.output_speculative_tokens(True)
        if self.attention:
            raw.attention_mask(self.attention)
        if self.logit_mask is not None:
            raw.logit_mask(self.logit_mask)
        for indices, sampler in self.readings.attached():
            raw.sampler(indices, sampler)
        if self.adapter is not None:
            raw.adapter(self.adapter._raw)
        if self.zo_seed is not None:
            _bindings.zo.adapter_seed(raw, self.zo_seed)

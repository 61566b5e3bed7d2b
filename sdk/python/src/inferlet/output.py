"""What a pass returned, read through the handles that asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _bindings


@dataclass(frozen=True)
class SampleHandle:
    """Refers to what a sampler chose in one pass."""

    _request: int


@dataclass(frozen=True)
class ProbeHandle:
    """Refers to what a probe read in one pass."""

    _request: int


Handle = SampleHandle | ProbeHandle
"""Either kind. Reading with a handle of the wrong kind, or of another pass, gives nothing."""


class Output:
    """The answer to one pass."""

    tokens: list[int]
    """The tokens that a generator accepted in this step: those that its constraints forced, and what was chosen behind them;
    cut at a stop token, which is not among them, and at the limit. Empty for a :class:`inferlet.Forward`, and after
    :meth:`inferlet.GenStep.clear_sampler`."""

    __slots__ = ("_auto_sampler", "_ranges", "_raw", "tokens")

    def __init__(
        self,
        raw: Any,
        ranges: list[tuple[int, int]],
        auto_sampler: SampleHandle | None = None,
        tokens: list[int] | None = None,
    ) -> None:
        self._raw = raw
        # Which slots answer which request.
        self._ranges = ranges
        self._auto_sampler = auto_sampler
        self.tokens = [] if tokens is None else tokens

    def token(self, handle: SampleHandle) -> int | None:
        """The token that a sampler chose, at its first index if it has several."""
        return next(iter(self.tokens_at(handle)), None)

    def tokens_at(self, handle: SampleHandle) -> list[int]:
        """The tokens that a sampler chose, in the order of its indices."""
        token = _bindings.inference.SlotOutput_Token
        return [slot.value for slot in self._slots(handle) if isinstance(slot, token)]

    def distribution(self, handle: Handle) -> tuple[list[int], list[float]] | None:
        """Token ids and their probabilities, most likely first: of a :class:`inferlet.Distribution` probe."""
        value = self._value(handle, _bindings.inference.SlotOutput_Distribution)
        return None if value is None else (value[0], value[1])

    def logits(self, handle: Handle) -> bytes | None:
        """One ``f32`` for every entry of the vocabulary, in native byte order (``array.array("f", logits)`` reads them): of a
        :class:`inferlet.Logits` probe."""
        return self._value(handle, _bindings.inference.SlotOutput_Logits)  # type: ignore[no-any-return]

    def logprobs(self, handle: Handle) -> list[float] | None:
        """Natural logarithms of probabilities: of a :class:`inferlet.Logprob` or :class:`inferlet.Logprobs` probe."""
        return self._value(handle, _bindings.inference.SlotOutput_Logprobs)  # type: ignore[no-any-return]

    def entropy(self, handle: Handle) -> float | None:
        """In nats: of an :class:`inferlet.Entropy` probe."""
        return self._value(handle, _bindings.inference.SlotOutput_Entropy)  # type: ignore[no-any-return]

    def embedding(self, handle: Handle) -> bytes | None:
        """``f32`` values in native byte order: of an :class:`inferlet.Embedding` probe."""
        return self._value(handle, _bindings.inference.SlotOutput_Embedding)  # type: ignore[no-any-return]

    @property
    def auto_sampler(self) -> SampleHandle | None:
        """The handle of the sampler that a generator attached by itself. ``None`` for a :class:`inferlet.Forward`, and after
        :meth:`inferlet.GenStep.clear_sampler`."""
        return self._auto_sampler

    @property
    def raw(self) -> Any:
        """The object of the interface: ``slots`` as the engine returned them, ``spec_tokens`` and ``spec_positions`` with the guesses of
        its drafter. ``None`` for a step that needed no pass."""
        return self._raw

    def _slots(self, handle: Handle) -> list[Any]:
        request = handle._request
        if self._raw is None or not 0 <= request < len(self._ranges):
            return []
        start, end = self._ranges[request]
        return self._raw.slots[start:end]  # type: ignore[no-any-return]

    def _value(self, handle: Handle, case: Any) -> Any:
        slots = self._slots(handle)
        return slots[0].value if len(slots) == 1 and isinstance(slots[0], case) else None

    def __repr__(self) -> str:
        return f"Output(tokens={self.tokens!r})"

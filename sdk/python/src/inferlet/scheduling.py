"""Reading the market for KV pages. All amounts are in credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _bindings

if TYPE_CHECKING:
    from .context import Context
    from .model import Model

__all__ = ["balance", "dividend", "latency", "price", "rent"]


def price() -> float:
    """What one new page costs now."""
    return _bindings.scheduling.price()  # type: ignore[no-any-return]


def rent(ctx: Context) -> float:
    """What a page of this context paid in the last step: the clearing price of the auction, zero when nothing waits."""
    return _bindings.scheduling.rent(ctx._raw)  # type: ignore[no-any-return]


def dividend(model: Model) -> float:
    """What this instance received in the last step as its share of the rents for this model's pages."""
    return _bindings.scheduling.dividend(model._raw)  # type: ignore[no-any-return]


def latency(ctx: Context) -> float:
    """Seconds from one step of this context to the next, smoothed; engine time, so virtual in test runs."""
    return _bindings.scheduling.latency(ctx._raw)  # type: ignore[no-any-return]


def balance(model: Model) -> float:
    """What this instance has left to spend on this model's pages, together with those that it has launched and the one that launched it: a
    family has one account."""
    return _bindings.scheduling.balance(model._raw)  # type: ignore[no-any-return]

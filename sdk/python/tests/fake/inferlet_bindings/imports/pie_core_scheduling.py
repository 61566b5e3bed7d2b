"""A market in which nothing happens."""

from __future__ import annotations

from .pie_core_context import Context
from .pie_core_model import Model


def price() -> float:
    return 1.0


def rent(ctx: Context) -> float:
    assert isinstance(ctx, Context)
    return 0.0


def dividend(model: Model) -> float:
    assert isinstance(model, Model)
    return 0.0


def latency(ctx: Context) -> float:
    assert isinstance(ctx, Context)
    return 0.01


def balance(model: Model) -> float:
    assert isinstance(model, Model)
    return 100.0

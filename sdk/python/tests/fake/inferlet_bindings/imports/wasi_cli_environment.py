"""The environment that a manifest permits."""

from __future__ import annotations


def get_environment() -> list[tuple[str, str]]:
    return [("PERMITTED", "yes")]

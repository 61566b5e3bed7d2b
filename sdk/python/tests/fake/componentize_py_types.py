"""Stands in for the types of componentize-py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Ok:
    value: Any


# The real one is frozen too, which makes it awkward to raise: nobody can set its traceback.
@dataclass(frozen=True)
class Err(Exception):
    value: Any

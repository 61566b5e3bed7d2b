"""The error of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Error:
    code: int
    message: str
    data: str | None

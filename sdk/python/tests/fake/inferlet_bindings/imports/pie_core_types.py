"""Texts and bytes that arrive at a time, or when somebody sends them."""

from __future__ import annotations

from typing import Any

from .wasi_io_poll import Pollable, Resource


class Arrival(Resource):
    """A value that is there once `give` was called, or never after `close`."""

    def __init__(self) -> None:
        self.there = False
        self.value: Any = None

    def give(self, value: Any) -> None:
        self.there, self.value = True, value

    def pollable(self) -> Pollable:
        return Pollable(None, lambda: self.there)

    def get(self) -> Any:
        value, self.value = self.value, None
        return value


class FutureString(Arrival):
    def pollable(self) -> Pollable:
        return super().pollable()

    def get(self) -> str | None:
        return super().get()


class FutureBlob(Arrival):
    def pollable(self) -> Pollable:
        return super().pollable()

    def get(self) -> bytes | None:
        return super().get()

"""Adapters, by name."""

from __future__ import annotations

from componentize_py_types import Err

from .pie_core_model import Model
from .wasi_io_poll import Resource

NAMES: set[str] = set()


class Adapter(Resource):
    def __init__(self, name: str) -> None:
        self.name = name
        NAMES.add(name)

    @classmethod
    def create(cls, model: Model, name: str) -> Adapter:
        if name in NAMES:
            raise Err(f"there is an adapter `{name}` already")
        return cls(name)

    @classmethod
    def open(cls, model: Model, name: str) -> Adapter | None:
        return cls(name) if name in NAMES else None

    def destroy(self) -> None:
        NAMES.discard(self.name)

    def fork(self, name: str) -> Adapter:
        return Adapter(name)

    def load(self, path: str) -> None:
        raise Err(f"there is no file `{path}`")

    def save(self, path: str) -> None:
        if not path.startswith("/scratch/"):
            raise Err(f"`{path}` is not under `/scratch`")

"""Low-rank adapters: small trained changes to a model's weights, applied pass by pass."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _bindings
from ._bindings import fallible
from .model import Model


class Adapter:
    """An adapter of one model. It lives until the engine ends; what is dropped is a handle. Made by :meth:`create` and
    :meth:`open`. A ``with`` block gives the handle back at its end."""

    def __init__(self, raw: Any, name: str) -> None:
        self._raw = raw
        self._name = name

    @staticmethod
    def create(model: Model, name: str) -> Adapter:
        """A new adapter, which does not change anything yet.

        Raises :class:`InferletError` if the name is in use, or the model takes no adapters.
        """
        return Adapter(fallible(_bindings.adapter.Adapter.create, model._raw, name), name)

    @staticmethod
    def open(model: Model, name: str) -> Adapter | None:
        """The adapter called ``name``; ``None`` if there is none."""
        raw = _bindings.adapter.Adapter.open(model._raw, name)
        return None if raw is None else Adapter(raw, name)

    @property
    def name(self) -> str:
        """Its name, private to the user."""
        return self._name

    def fork(self, new_name: str) -> Adapter:
        """A copy under another name; it replaces an adapter that had it."""
        return Adapter(self._raw.fork(new_name), new_name)

    def save(self, path: str) -> None:
        """Writes the weights to a file (safetensors) under ``/scratch``. Raises :class:`InferletError` if it cannot."""
        fallible(self._raw.save, path)

    def load(self, path: str) -> None:
        """Reads weights from a file (safetensors) under ``/scratch``.

        Raises :class:`InferletError` if there is no such file, or it does not fit the model.
        """
        fallible(self._raw.load, path)

    def destroy(self) -> None:
        """Removes the adapter itself, for all who could open it. Passes that were accepted before still have it."""
        self._raw.destroy()

    def __enter__(self) -> Adapter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._raw.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"Adapter({self._name!r})"

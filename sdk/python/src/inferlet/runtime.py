"""The engine around the inferlet, and launching further ones."""

from __future__ import annotations

from typing import Any

from . import _bindings
from .launch import launch
from .waiting import waits

__all__ = ["instance_id", "launch", "models", "spawn", "username", "version"]


def models() -> list[str]:
    """Names of the models that are loaded, the default one first."""
    return _bindings.runtime.models()  # type: ignore[no-any-return]


def version() -> str:
    """The engine's version, such as ``0.3.1``."""
    return _bindings.runtime.version()  # type: ignore[no-any-return]


def instance_id() -> str:
    """Identifies this running instance."""
    return _bindings.runtime.instance_id()  # type: ignore[no-any-return]


def username() -> str:
    """The user on whose behalf the inferlet runs."""
    return _bindings.runtime.username()  # type: ignore[no-any-return]


@waits
async def spawn(program: str, args: Any = None) -> str:
    """Launches another inferlet, ``name`` or ``name@version`` of the dependencies, and waits for its output, which is JSON
    text. ``args`` becomes its input; ``None`` stands for an object without fields.

    Raises :class:`InferletError` if it cannot be launched, or fails. :func:`launch` does the same in two steps.
    """
    return await launch(program, {} if args is None else args).wait()

"""The interface between inferlet and engine, as generated from the ``wit/`` folder.

The generated package is called ``inferlet_bindings`` and exists only inside a component (and, for the tests of this SDK, as
a fake in ``tests/fake``). Elsewhere, in an editor or in native tests of a program, the SDK can be imported, and whatever
needs the engine says that there is none.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import checks
from .errors import InferletError


class _Absent:
    """An interface of an engine that is not there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, item: str) -> Any:
        # Tools such as `inspect` ask for these of every object.
        if item.startswith("__"):
            raise AttributeError(item)
        raise InferletError(
            f"`{self._name}.{item}` needs the engine, which is there only while the program runs as an inferlet"
        )


def _interface(module: str) -> Any:
    try:
        found = importlib.import_module(f"inferlet_bindings.imports.{module}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "inferlet_bindings":
            raise
        return _Absent(module)
    checks.guard(found, module)
    return found


adapter: Any = _interface("pie_core_adapter")
chat: Any = _interface("pie_instruct_chat")
clock: Any = _interface("wasi_clocks_monotonic_clock")
context: Any = _interface("pie_core_context")
environment: Any = _interface("wasi_cli_environment")
http: Any = _interface("wasi_http_outgoing_handler")
http_types: Any = _interface("wasi_http_types")
inference: Any = _interface("pie_core_inference")
mcp: Any = _interface("pie_mcp_client")
messaging: Any = _interface("pie_core_messaging")
model: Any = _interface("pie_core_model")
poll: Any = _interface("wasi_io_poll")
reasoning: Any = _interface("pie_instruct_reasoning")
runtime: Any = _interface("pie_core_runtime")
scheduling: Any = _interface("pie_core_scheduling")
session: Any = _interface("pie_core_session")
tool_use: Any = _interface("pie_instruct_tool_use")
zo: Any = _interface("pie_zo_zo")

Err: Any
"""The error that functions of the interface raise, with a ``value``; also the failure in a ``result`` that one returns."""
Ok: Any = None
"""The success in a ``result``."""
try:
    Err, Ok = (getattr(importlib.import_module("componentize_py_types"), name) for name in ("Err", "Ok"))
except ModuleNotFoundError:

    class _Err(Exception):
        """Stands in for it where nothing raises it."""

        value: Any

    Err = _Err

_INTERFACES = (
    "adapter", "chat", "clock", "context", "environment", "http", "http_types", "inference", "mcp", "messaging", "model", "poll",
    "reasoning", "runtime", "scheduling", "session", "tool_use", "zo",
)  # fmt: skip


class NoEngineYet(BaseException):
    """Something of the engine was asked for while the component is built."""


class _Later:
    """Stands in for an interface while the component is built."""

    def __getattr__(self, item: str) -> Any:
        raise NoEngineYet(item)


@contextmanager
def no_engine() -> Iterator[None]:
    """For the time in which a component is built and calls to the engine would end the process: they raise :class:`NoEngineYet`,
    which is no ``Exception``, so that programs do not take it for an error that they can handle."""
    names = globals()
    kept = {name: names[name] for name in _INTERFACES}
    names.update({name: _Later() for name in _INTERFACES})
    try:
        yield
    finally:
        names.update(kept)


def fallible(function: Any, *arguments: Any) -> Any:
    """Calls a function of the interface that can fail; its error text becomes an :class:`InferletError`."""
    try:
        return function(*arguments)
    except Err as error:
        raise InferletError(error.value) from None

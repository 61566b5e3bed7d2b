"""Model Context Protocol: tools, resources and prompts of servers that whoever launched the inferlet has made available.

What a session returns is the ``result`` of the server's reply, as JSON text. The whole program waits for each call.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _bindings, jsons
from ._bindings import Err
from .errors import McpError

__all__ = ["McpError", "McpSession", "available_servers", "connect"]


def available_servers() -> list[str]:
    """Names that :func:`connect` takes."""
    return _bindings.mcp.available_servers()  # type: ignore[no-any-return]


def connect(name: str) -> McpSession:
    """Opens a session. Raises :class:`McpError` if there is no such server, or it does not answer in time."""
    return McpSession(_fallible(_bindings.mcp.connect, name), name)


class McpSession:
    """An open session. Dropping it, or the end of a ``with`` block, closes the connection. Made by :func:`connect`.

    Each method raises :class:`McpError` with what the server, or the connection, has to say.
    """

    def __init__(self, raw: Any, name: str) -> None:
        self._raw = raw
        self._name = name

    def list_tools(self) -> str:
        """The tools of the server: the reply to ``tools/list``."""
        return _fallible(self._raw.list_tools)  # type: ignore[no-any-return]

    def call_tool(self, name: str, args: Any = None) -> str:
        """Calls a tool with an object of arguments, a ``dict`` or JSON text: the reply to ``tools/call``."""
        return _fallible(self._raw.call_tool, name, _arguments(args))  # type: ignore[no-any-return]

    def list_resources(self) -> str:
        """The resources of the server: the reply to ``resources/list``."""
        return _fallible(self._raw.list_resources)  # type: ignore[no-any-return]

    def read_resource(self, uri: str) -> str:
        """One resource: the reply to ``resources/read``."""
        return _fallible(self._raw.read_resource, uri)  # type: ignore[no-any-return]

    def list_prompts(self) -> str:
        """The prompts of the server: the reply to ``prompts/list``."""
        return _fallible(self._raw.list_prompts)  # type: ignore[no-any-return]

    def get_prompt(self, name: str, args: Any = None) -> str:
        """A prompt, filled in with an object of arguments, a ``dict`` or JSON text: the reply to ``prompts/get``."""
        return _fallible(self._raw.get_prompt, name, _arguments(args))  # type: ignore[no-any-return]

    def __enter__(self) -> McpSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._raw.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"McpSession({self._name!r})"


def _arguments(args: Any) -> str:
    if args is None:
        return "{}"
    return args if isinstance(args, str) else jsons.dumps(args)


def _fallible(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Err as error:
        problem = error.value
        raise McpError(problem.code, problem.message, problem.data) from None

"""What goes wrong."""

from __future__ import annotations


class InferletError(RuntimeError):
    """The engine, or this SDK, refused something. ``str(error)`` is one line for a person.

    Not caught, it ends the run, and the line is the run's error.
    """


class McpError(InferletError):
    """An error of an MCP server, or of the connection to it."""

    code: int
    """Error code of JSON-RPC; those from -32768 to -32000 are the protocol's own."""
    data: str | None
    """What the server added, as JSON text."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        more = "" if data is None else f": {data}"
        super().__init__(f"{message} (code {code}){more}")
        self.code = code
        self.data = data

"""Launching further inferlets from this one."""

from __future__ import annotations

import json
from typing import Any

from . import _bindings, jsons
from ._bindings import Err, fallible
from .errors import InferletError
from .waiting import pollable_ready, waits


class Child:
    """An inferlet launched by this one. Whoever drops it lets it run on by itself. Made by :func:`launch`."""

    def __init__(self, raw: Any, program: str) -> None:
        self._raw = raw
        self._program = program

    @waits
    async def wait(self) -> str:
        """The child's output as JSON text.

        Raises :class:`InferletError` with its error if it failed, or if its output was taken before.
        """
        await pollable_ready(self._raw.pollable())
        result = self._raw.get()
        if result is None:
            raise InferletError(f"the result of this child, `{self._program}`, was taken before")
        if isinstance(result, Err):
            raise InferletError(result.value)
        return result.value  # type: ignore[no-any-return]

    @waits
    async def answer(self) -> Any:
        """The child's output as a value. Raises as :meth:`wait` does."""
        return json.loads(await self.wait())

    @property
    def pid(self) -> str:
        """The child's instance id."""
        return self._raw.pid()  # type: ignore[no-any-return]

    def cancel(self) -> None:
        """Ends the child; its result is then an error that says so. Does nothing if it has ended already."""
        self._raw.cancel()

    def __repr__(self) -> str:
        return f"Child({self._program!r})"


def launch(program: str, input: Any = None) -> Child:
    """Launches another inferlet, ``name`` or ``name@version`` of the dependencies in ``Pie.toml``. ``input`` is a value that can
    be written as JSON; ``None`` stands for an object without fields.

    Raises :class:`InferletError` if it is not found or may not be launched. Its limits are within those of this instance.

    Where ``echo`` is one that answers with its input, and nothing has to be awaited:

    >>> launch("echo", {"part": 1}).answer()
    {'part': 1}
    """
    try:
        text = jsons.dumps({} if input is None else input)
    except InferletError as error:
        raise InferletError(f"the input of `{program}` cannot become JSON: {error}") from None
    return Child(fallible(_bindings.runtime.launch, program, text), program)

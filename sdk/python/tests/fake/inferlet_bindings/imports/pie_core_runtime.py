"""An engine that launches one program, `echo`, which answers with its input a moment later; `broken` fails."""

from __future__ import annotations

from typing import Any

from componentize_py_types import Err, Ok

from .wasi_io_poll import Clock, Pollable, Resource


def version() -> str:
    return "0.3.1"


def instance_id() -> str:
    return "instance-1"


def username() -> str:
    return "ada"


def models() -> list[str]:
    return ["default"]


def launch(program: str, input: str) -> Child:
    if program not in ("echo", "broken"):
        raise Err(f"there is no `{program}` among the dependencies")
    return Child(Ok(input) if program == "echo" else Err("it broke"))


class Child(Resource):
    def __init__(self, result: Any) -> None:
        self._due = Clock.now + 1
        self._result: Any = result

    def pollable(self) -> Pollable:
        return Pollable(self._due)

    def get(self) -> Any:
        if Clock.now < self._due:
            return None
        result, self._result = self._result, None
        return result

    def pid(self) -> str:
        return "instance-2"

    def cancel(self) -> None:
        self._result = Err("cancelled")

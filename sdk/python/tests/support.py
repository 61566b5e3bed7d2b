"""What the tests share: running what waits, contexts, checks of refusals."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Coroutine
from typing import Any, TypeVar

from inferlet import Context, InferletError, Model
from inferlet.loop import InferletLoop
from inferlet.waiting import close_idle_loop
from inferlet_bindings.imports import pie_core_model
from inferlet_bindings.imports.wasi_io_poll import Clock

T = TypeVar("T")
END = pie_core_model.END
VOCABULARY = pie_core_model.VOCABULARY
token_of = pie_core_model.token_of


def run(coroutine: Coroutine[Any, Any, T] | T) -> T:
    """As the component runs `main`: in a loop of its own, which is ended behind it. A call of the SDK that waits has its result already,
    because it blocks where no loop runs."""
    if not asyncio.iscoroutine(coroutine):
        return coroutine
    loop = InferletLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.end()


def context(prompt: str) -> Context:
    """A context with a prompt of the user, cued."""
    ctx = Context(Model.load("default"))
    return ctx.user(prompt).cue()


def sequence(ctx: Context) -> list[int]:
    """The whole sequence: what the model has seen, and what is buffered."""
    return [token for token, _ in ctx._raw.state.slots] + ctx.buffer()


class Case(unittest.TestCase):
    """A test case with a check for refusals."""

    def tearDown(self) -> None:
        close_idle_loop()

    def refused(self, *parts: str) -> Any:
        """The block is refused with a message that has these parts."""
        case = self

        class Refusal:
            def __enter__(self) -> Refusal:
                return self

            def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
                case.assertIsInstance(error, InferletError, "nothing was refused")
                for part in parts:
                    case.assertIn(part, str(error))
                return True

        return Refusal()


__all__ = ["END", "VOCABULARY", "Case", "Clock", "context", "run", "sequence", "token_of"]

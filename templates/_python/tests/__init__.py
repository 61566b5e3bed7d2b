"""Tests of the program on this machine: `python3 -m unittest`.

The SDK, and a small engine in memory that stands in for the real one, are where `pyrightconfig.json` says.
"""

import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_SETTINGS = Path(__file__).parent.parent / "pyrightconfig.json"
_LINES = _SETTINGS.read_text(encoding="utf-8").splitlines()
# JSON as editors read it has comments.
sys.path[:0] = json.loads("\n".join(line for line in _LINES if not line.lstrip().startswith("//")))["extraPaths"]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs `main` as an inferlet does: in a loop that waits for the engine."""
    from inferlet.loop import InferletLoop

    loop = InferletLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.end()

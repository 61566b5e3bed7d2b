"""Objects that last as long as the interpreter, and whose references nobody has to count.

Python notes in each object how many refer to it, so even a program that only reads an object writes to its memory; and instances share the memory that they begin with
only until they write to it. Objects can be immortal instead: then nothing is noted in them. What a component begins with is never given back, so all of it can be.
And memory that was given back between them is never given out again: what a program makes lies side by side behind all of them, and not in a thousand places.

It does not matter to a program, but for two things: what is immortal does not count as garbage, whatever refers to it, and it is never finished. So what is suspended or open stays
as it is. What a program itself has made is not touched at all: it has to behave the same whether it was built or not.
"""

from __future__ import annotations

import gc
import io
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["settle"]

_FINISHED_LATER = (
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    types.FrameType,
    types.TracebackType,
    BaseException,
    io.IOBase,
)
"""What something happens to when the last reference is gone."""

_LARGE_BYTES = 1 << 20
"""No gap between objects is much larger."""
_SMALL_BYTES = 1 << 10
_STEP_BYTES = 16
"""Up to this size the allocator has gaps of each multiple of this."""

_OF_CODE = ("co_consts", "co_names", "co_filename", "co_name", "co_qualname", "co_linetable", "co_exceptiontable")
"""What code refers to; the garbage collector knows nothing of it."""


def settle() -> None:
    """Makes immortal what there is, inside a component. Elsewhere Python has no way to do that, and nothing happens."""
    # From `first.py`, which comes before Python's library in a component.
    stay = getattr(sys.modules.get("_inferlet_first"), "stay", None)
    if stay is None:
        return
    gc.unfreeze()
    gc.collect()
    last = 0
    for thing in gc.get_objects():
        last = max(last, _settle([thing], stay), _settle(gc.get_referents(thing), stay))
    gc.collect()
    gc.freeze()
    _fill(last, stay)


def _settle(things: list[Any], stay: Callable[[Any], Any]) -> int:
    """Makes these immortal and what they refer to that is in no list of objects. Tells where in memory the last of them is."""
    is_immortal: Callable[[Any], bool] = sys._is_immortal  # type: ignore[attr-defined, unused-ignore]
    last = 0
    while things:
        thing = things.pop()
        last = max(last, id(thing))
        kind = type(thing)
        if is_immortal(thing) or issubclass(kind, _FINISHED_LATER):
            continue
        is_tracked = gc.is_tracked(thing)
        stay(thing)
        if kind is types.CodeType:
            things.extend(getattr(thing, name) for name in _OF_CODE)
        elif not is_tracked:
            # What is tracked is in the list of all objects.
            things.extend(gc.get_referents(thing))
    return last


def _fill(last: int, stay: Callable[[Any], Any]) -> None:
    """Takes all memory before this place that belongs to nobody, the large gaps first."""
    size = _LARGE_BYTES
    while size > 0:
        thing = bytes(size)
        if id(thing) < last:
            stay(thing)
        else:
            size = size // 2 if size > _SMALL_BYTES else size - _STEP_BYTES
    # The smallest objects there are.
    while id(small := object()) < last:
        stay(small)

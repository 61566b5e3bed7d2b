"""What an interpreter does in its first runs and not in later ones, done once for all of them.

Python makes the code that it runs faster the first times, notes in types what it has looked up, and gets memory for objects that it then keeps. A component begins where the interpreter
was when its memory was kept; so programs that do what most do are run before that, and each instance begins like one that has run some already. It writes to less of
its memory, too, which instances share as long as they only read it.
"""

from __future__ import annotations

import asyncio
import itertools
import linecache
import sys

from . import context
from .bundle import Bundle
from .entry import Program
from .lasting import settle

__all__ = ["warm"]

_ROUNDS = 12
"""Python looks at code again after eight calls at most."""

_SOURCE = '''"""Says something."""

import asyncio
import json
from dataclasses import dataclass

from inferlet import Context, Model, Sampler, session


@dataclass
class Said:
    text: str
    count: int


async def later(value: int) -> int:
    await asyncio.sleep(0.001)
    return value


async def main(name: str, count: int = 2) -> dict:
    """Says something.

    Args:
        name: who is there
        count: how often
    """
    session.send(json.dumps({"name": name}))
    values = await asyncio.gather(*(later(n) for n in range(count)))
    async with asyncio.timeout(10):
        ctx = Context(Model.load("default"))
        ctx.system("Be brief.")
        ctx.user(f"Hello, {name}!")
        text = await ctx.generate(Sampler.argmax(), max_tokens=4).collect_text()
    said = Said(text, len(values))
    return {"said": said, "names": [name] * count, "more": None}
'''


def warm() -> None:
    """Runs a program some times, and leaves nothing of it that another could see."""
    for _ in range(_ROUNDS):
        bundle = Bundle({"main.py": _SOURCE})
        Program(bundle, "main.py").run('{"name": "Ada"}')
        bundle.forget()
        sys.meta_path.remove(bundle)
    asyncio.set_event_loop(None)
    linecache.clearcache()
    context._made = itertools.count(1)
    settle()

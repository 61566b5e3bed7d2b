"""Write inferlets in Python: programs that run beside a language model and steer it from inside.

An inferlet owns contexts (token sequences with their KV pages), runs forward passes over them, samples, constrains, forks, and talks to
whoever launched it. It is a WebAssembly component; the engine calls its ``main`` with JSON::

    from inferlet import Context, Model, Sampler

    async def main(input: dict) -> str:
        ctx = Context(Model.load("default"))
        ctx.user(f"Greet {input.get('name', 'the world')}.")
        return await ctx.generate(Sampler.top_p(0.6, 0.95), max_tokens=64).collect_text()

Where to read: :class:`Context` fills and forks a sequence, :class:`Generator` generates behind it, :class:`Forward` is a single pass;
:mod:`inferlet.sample` says what to read from a pass, :class:`Output` how to read it; :mod:`inferlet.chat`, :mod:`inferlet.reasoning` and
:mod:`inferlet.tools` turn tokens into events; :mod:`inferlet.constraint` restricts what is generated, :mod:`inferlet.spec` makes it faster.

What waits is awaited inside ``async def``, and tasks of ``asyncio`` overlap: their passes share the engine's steps. A program may also be
written without ``main``, as statements that are run; the same calls block there (:mod:`inferlet.style` and :mod:`inferlet.waiting`).
"""

from __future__ import annotations

from . import brle, chat, http, mcp, messaging, reasoning, runtime, scheduling, session, spec, tools, zo
from .adapter import Adapter
from .constraint import AnyJson, Constraint, Ebnf, GrammarConstraint, JsonSchema, Regex, Schema
from .context import Context
from .errors import InferletError, McpError
from .forward import Forward, ForwardPass
from .generation import Generator
from .grammar import Grammar, Matcher
from .launch import Child, launch
from .model import Model, Tokenizer
from .output import Output, ProbeHandle, SampleHandle
from .sample import Distribution, Embedding, Entropy, Logits, Logprob, Logprobs, Probe, Sampler
from .spec import Speculator
from .step import GenStep
from .streams import Decoder, Event, EventStream, TokenStream
from .tools import Tool, Tools, tool

__all__ = [
    "Adapter", "AnyJson", "Child", "Constraint", "Context", "Decoder", "Distribution", "Ebnf", "Embedding", "Entropy", "Event",
    "EventStream", "Forward", "ForwardPass", "GenStep", "Generator", "Grammar", "GrammarConstraint", "InferletError", "JsonSchema",
    "Logits", "Logprob", "Logprobs", "Matcher", "McpError", "Model", "Output", "Probe", "ProbeHandle", "Regex", "SampleHandle", "Sampler",
    "Schema", "Speculator", "TokenStream", "Tokenizer", "Tool", "Tools", "brle", "chat", "http", "launch", "mcp", "messaging",
    "reasoning", "runtime", "scheduling", "session", "spec", "tool", "tools", "zo",
]  # fmt: skip

__version__ = "0.1.0"

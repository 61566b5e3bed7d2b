"""Looks at values before they cross to the engine.

A value that does not fit the type of the interface would end the instance there, without an exception that the program could catch. So the functions
of the bindings are wrapped in ones that raise :class:`InferletError` instead.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from .errors import InferletError

TABLE = {
    "pie_core_adapter": {
        "Adapter.create": "model name:string",
        "Adapter.open": "model name:string",
        "Adapter.fork": "name:string",
        "Adapter.load": "path:string",
        "Adapter.save": "path:string",
    },
    "pie_core_context": {
        "Context.open": "model name:string",
        "Context.take": "model name:string",
        "Context.delete": "model name:string",
        "Context.save": "name:string",
        "Context.commit_working_pages": "num_pages:u32",
        "Context.reserve_working_pages": "num_pages:u32",
        "Context.release_working_pages": "num_pages:u32",
        "Context.truncate_working_page_tokens": "num_tokens:u32",
        "Context.bid": "value:f64",
    },
    "pie_core_inference": {
        "ForwardPass.input_tokens": "tokens:list<u32> positions:list<u32>",
        "ForwardPass.input_speculative_tokens": "tokens:list<u32> positions:list<u32>",
        "ForwardPass.attention_mask": "mask:list<list<u32>>",
        "ForwardPass.logit_mask": "mask:list<u32>",
        "ForwardPass.sampler": "indices:list<u32> sampler:sampler",
        "Grammar.from_json_schema": "schema:string",
        "Grammar.from_regex": "pattern:string",
        "Grammar.from_ebnf": "ebnf:string",
        "Matcher.accept_tokens": "token_ids:list<u32>",
    },
    "pie_core_messaging": {
        "push": "topic:string message:string",
        "pull": "topic:string",
        "broadcast": "topic:string message:string",
        "subscribe": "topic:string",
    },
    "pie_core_model": {
        "Model.load": "name:string",
        "Tokenizer.encode": "text:string",
        "Tokenizer.decode": "tokens:list<u32>",
    },
    "pie_core_runtime": {
        "launch": "program:string input:string",
    },
    "pie_core_session": {
        "send": "message:string",
    },
    "pie_instruct_chat": {
        "Decoder.feed": "tokens:list<u32>",
        "system": "model message:string",
        "user": "model message:string",
        "assistant": "model message:string",
    },
    "pie_instruct_reasoning": {
        "Decoder.feed": "tokens:list<u32>",
    },
    "pie_instruct_tool_use": {
        "Decoder.feed": "tokens:list<u32>",
        "equip": "model tools:list<string>",
        "answer": "model name:string value:string",
        "format": "model tools:list<string>",
        "create_matcher": "model tools:list<string>",
    },
    "pie_mcp_client": {
        "Session.call_tool": "name:string args:string",
        "Session.read_resource": "uri:string",
        "Session.get_prompt": "name:string args:string",
        "connect": "server_name:string",
    },
    "pie_zo_zo": {
        "adapter_seed": "self seed:s64",
        "initialize": "self rank:u32 alpha:f32 population_size:u32 mu_fraction:f32 initial_sigma:f32",
        "update": "self scores:list<f32> seeds:list<s64> max_sigma:f32",
    },
}
"""Of each interface the functions with parameters that are looked at, and of these all parameters in order, with the types of those. A
test compares it with the ``wit/`` folder."""

SAMPLERS = {
    "Multinomial": ("f32", "u32"), "TopK": ("f32", "u32"), "TopP": ("f32", "f32"), "MinP": ("f32", "f32"), "TopKTopP": ("f32", "u32", "f32"),
    "Embedding": (), "Dist": ("f32", "u32"), "RawLogits": (), "Logprob": ("u32",), "Logprobs": ("list<u32>",), "Entropy": (),
}  # fmt: skip
"""What the cases of the interface's ``sampler`` hold."""

_MAX_U32 = (1 << 32) - 1


class _Misfit(Exception):
    """What is expected, and what is there instead."""


def _misfit(expected: str, value: Any) -> _Misfit:
    shown = repr(value)
    return _Misfit(f"{expected}, and not `{shown if len(shown) <= 60 else shown[:57] + '…'}`")


def _u32(value: Any) -> None:
    if not isinstance(value, int) or not 0 <= value <= _MAX_U32:
        raise _misfit("an integer from 0 to 4294967295", value)


def _s64(value: Any) -> None:
    if not isinstance(value, int) or not -(1 << 63) <= value < 1 << 63:
        raise _misfit("an integer of 64 bits with a sign", value)


def _float(value: Any) -> None:
    if not isinstance(value, (int, float)):
        raise _misfit("a number", value)
    try:
        float(value)
    except OverflowError:
        raise _misfit("a number that is no larger than a `float`", value) from None


def _string(value: Any) -> None:
    if not isinstance(value, str):
        raise _misfit("a text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _misfit("a text without halves of characters", value) from None


def _u32s(value: Any) -> None:
    # Nearly all lists are in order, and this looks at one in a single call.
    try:
        if array("I", value).itemsize == 4:
            return
    except (TypeError, OverflowError, ValueError):
        pass
    _each(_u32, value)


def _each(check: Callable[[Any], None], value: Any) -> None:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise _misfit("a list", value)
    for item in value:
        check(item)


def _sampler(value: Any) -> None:
    kinds = SAMPLERS.get(type(value).__name__.rpartition("_")[2])
    if kinds is None:
        raise _misfit("a sampler or a probe", value)
    held = value.value if len(kinds) > 1 else (value.value,) if kinds else ()
    for kind, each in zip(kinds, held, strict=True):
        _CHECKS[kind](each)


_CHECKS: dict[str, Callable[[Any], None]] = {
    "u32": _u32,
    "s64": _s64,
    "f32": _float,
    "f64": _float,
    "string": _string,
    "list<u32>": _u32s,
    "list<s64>": functools.partial(_each, _s64),
    "list<f32>": functools.partial(_each, _float),
    "list<string>": functools.partial(_each, _string),
    "list<list<u32>>": functools.partial(_each, _u32s),
    "sampler": _sampler,
}


def guard(module: ModuleType, interface: str) -> None:
    """Wraps the functions of an interface that are in the table."""
    for path, parameters in TABLE.get(interface, {}).items():
        owner, _, name = path.rpartition(".")
        place: Any = getattr(module, owner) if owner else module
        function = vars(place)[name]
        if isinstance(function, (staticmethod, classmethod)):
            # What it is bound to comes first, if anything.
            before = int(isinstance(function, classmethod))
            setattr(place, name, type(function)(_guarded(function.__func__, path, parameters, before)))
        else:
            setattr(place, name, _guarded(function, path, parameters, int(bool(owner))))


def _guarded(function: Callable[..., Any], path: str, parameters: str, before: int) -> Callable[..., Any]:
    checks = []
    for index, parameter in enumerate(parameters.split(), before):
        name, _, kind = parameter.partition(":")
        if kind:
            checks.append((index, name, _CHECKS[kind]))

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        for index, name, check in checks:
            try:
                check(arguments[index])
            except _Misfit as misfit:
                raise InferletError(f"`{name}` of `{path}` takes {misfit}") from None
        return function(*arguments)

    return call

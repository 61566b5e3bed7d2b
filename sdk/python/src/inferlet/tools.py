"""Tools that the model may call: telling it about them, and reading its calls.

A tool is described to the model by a JSON object with ``name``, ``description`` and ``parameters`` (a JSON Schema).
:func:`tool` makes that description, and the way back from JSON arguments to a call, from a Python function.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from . import _bindings, jsons, signature
from ._bindings import fallible
from .errors import InferletError
from .grammar import Grammar, Matcher
from .model import Model
from .waiting import waits

__all__ = [
    "Decoder",
    "Event",
    "Tool",
    "Tools",
    "answer_prefix",
    "equip_prefix",
    "native_grammar",
    "native_matcher",
    "parse_call",
    "tool",
]

P = ParamSpec("P")
T = TypeVar("T")


class Event:
    """What a batch of generated tokens amounts to: one of the classes in it."""

    @dataclass(frozen=True)
    class Start:
        """A call may be coming: nothing complete so far."""

    @dataclass(frozen=True)
    class Call:
        """A complete call."""

        name: str
        """The tool's name."""
        args: str
        """Its arguments, as JSON text."""


AnyEvent = Event.Start | Event.Call


class Decoder:
    """Finds tool calls in generated tokens. Stays ``Start`` for a model without a tool format."""

    def __init__(self, model: Model) -> None:
        self._raw = _bindings.tool_use.create_decoder(model._raw)

    def feed(self, tokens: list[int]) -> AnyEvent:
        """Takes the next tokens, in order and each once. Raises :class:`InferletError` on a token outside the vocabulary."""
        event = fallible(self._raw.feed, tokens)
        if isinstance(event, _bindings.tool_use.Event_Start):
            return Event.Start()
        name, args = event.value
        return Event.Call(name, args)

    def reset(self) -> None:
        """Back to the start of a turn."""
        self._raw.reset()


def equip_prefix(model: Model, schemas: Iterable[Any]) -> list[int]:
    """Tokens that tell the model about tools, each a description as JSON text or ``dict``, or a :class:`Tool`. Append them before the
    user's message.

    Raises :class:`InferletError` on invalid JSON, a description without a name, or a model that has no tool format.
    """
    return fallible(_bindings.tool_use.equip, model._raw, _descriptions(schemas))  # type: ignore[no-any-return]


def answer_prefix(model: Model, name: str, value: Any) -> list[int]:
    """Tokens that give the model the result of a call. A ``str`` goes as it is, any other value as JSON text."""
    text = value if isinstance(value, str) else jsons.dumps(value)
    return _bindings.tool_use.answer(model._raw, name, text)  # type: ignore[no-any-return]


def native_grammar(model: Model, schemas: Iterable[Any]) -> Grammar | None:
    """The grammar of calls to these tools in the model's own format; ``None`` if it has none."""
    raw = _bindings.tool_use.format(model._raw, _descriptions(schemas))
    return None if raw is None else Grammar(raw)


def native_matcher(model: Model, schemas: Iterable[Any]) -> Matcher | None:
    """A matcher at the start of that grammar; ``None`` if the model has no format. Wrap it with :class:`inferlet.GrammarConstraint`."""
    grammar = native_grammar(model, schemas)
    return None if grammar is None else Matcher(grammar, model.tokenizer())


def parse_call(model: Model, text: str) -> tuple[str, str] | None:
    """The first complete call in a finished text: name, and arguments as JSON text."""
    decoder = Decoder(model)
    # One token at a time: an event reports one call, and the first is wanted.
    for token in model.tokenizer().encode(text):
        event = decoder.feed([token])
        if isinstance(event, Event.Call):
            return event.name, event.args
    return None


def _descriptions(schemas: Iterable[Any]) -> list[str]:
    if isinstance(schemas, Tools):
        return schemas.schemas()
    return [
        schema if isinstance(schema, str) else schema.schema() if isinstance(schema, Tool) else jsons.dumps(schema)
        for schema in schemas
    ]


class Tool(Generic[P, T]):
    """A function that the model can call, made by :func:`tool`. Called directly, it is the function."""

    def __init__(self, function: Callable[P, T]) -> None:
        description, fields = signature.fields(function)
        where = signature.place(function)
        if not description:
            raise InferletError(
                f"{where}: the tool `{function.__name__}` needs a docstring: it tells the model what the tool is for"
            )
        self._function = function
        self._fields = fields
        try:
            parameters = jsons.object_schema(fields)
        except InferletError as error:
            raise InferletError(f"{where}: a parameter of the tool `{function.__name__}`: {error}") from None
        # Keys in the order of the alphabet: the other languages' SDKs write them so, and tokens depend on it.
        self._schema = json.dumps(
            {"name": function.__name__, "description": description, "parameters": parameters},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._function(*args, **kwargs)

    @property
    def name(self) -> str:
        """The name that the model calls it by."""
        return self._function.__name__

    def schema(self) -> str:
        """The description for :func:`equip_prefix`: JSON with ``name``, ``description`` and ``parameters``."""
        return self._schema

    @waits
    async def call(self, arguments_json: str) -> str:
        """Calls it with arguments as a JSON object; no text at all stands for no arguments. The result is JSON.

        Raises :class:`InferletError` if the arguments do not fit, with what was expected, to be shown to the model.
        """
        return await self._call(arguments_json)

    async def _call(self, arguments_json: str) -> str:
        try:
            arguments = jsons.fields_from_json(json.loads(arguments_json.strip() or "{}"), self._fields)
        except (InferletError, ValueError) as error:
            raise InferletError(f"arguments of `{self.name}` do not fit: {error}") from None
        function: Callable[..., Any] = self._function
        result = function(**arguments)
        if inspect.isawaitable(result):
            result = await result
        try:
            return jsons.dumps(result)
        except InferletError as error:
            raise InferletError(f"the result of `{self.name}`: {error}") from None

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


def tool(function: Callable[P, T]) -> Tool[P, T]:
    """Makes a function into a tool of its name. Its docstring tells the model what it is for, and in a section ``Args:`` (or
    ``:param name:``, or by ``Annotated[str, "text"]``) what its arguments are; their types become a JSON Schema.

    >>> @tool
    ... def add(a: int, b: int) -> int:
    ...     \"\"\"Adds two numbers.\"\"\"
    ...     return a + b
    >>> add.name, add(1, 2)
    ('add', 3)
    """
    return Tool(function)


class Tools:
    """A set of tools, called by name. Functions are made into tools. One added later replaces one of the same name."""

    def __init__(self, tools: Sequence[Any] = ()) -> None:
        self._tools: dict[str, Tool[Any, Any]] = {}
        for item in tools:
            self.add(item)

    def add(self, item: Any) -> Tools:
        """Adds a tool, or a function as one."""
        made = item if isinstance(item, Tool) else tool(item)
        self._tools.pop(made.name, None)
        self._tools[made.name] = made
        return self

    def names(self) -> list[str]:
        """Names, in the order in which the tools were added."""
        return list(self._tools)

    def schemas(self) -> list[str]:
        """Descriptions for :func:`equip_prefix`, in the same order."""
        return [item.schema() for item in self._tools.values()]

    @waits
    async def call(self, name: str, arguments_json: str) -> str:
        """Calls a tool by its name, with arguments as a JSON object; returns its result as JSON.

        Raises :class:`InferletError` if there is no such tool or the arguments do not fit, and what the tool itself raises. All are
        worth showing to the model, with :func:`answer_prefix`.
        """
        if name not in self._tools:
            raise InferletError(f"no tool `{name}`; there are `{'`, `'.join(self._tools)}`")
        return await self._tools[name]._call(arguments_json)

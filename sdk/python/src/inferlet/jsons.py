"""Between Python values and JSON: what ``main`` returns, what tools take and give, what a type looks like as a schema.

Known types are those of JSON, ``list``, ``tuple``, ``set`` (as an input), ``dict`` with ``str`` keys, ``Optional`` and unions,
``Literal``, enums, dataclasses, ``TypedDict``, named tuples, ``Annotated`` with a text that describes it, and pydantic
models (recognised by what they can do: ``model_dump`` or ``dict``), which are not needed for anything here.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union

from .errors import InferletError

__all__ = ["dumps", "from_json", "plain", "schema_of"]

_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
}


def dumps(value: Any) -> str:
    """JSON text of a value, without blanks. Raises :class:`InferletError` with the place of what JSON cannot hold."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def plain(value: Any, place: str = "") -> Any:
    """The value made of ``dict``, ``list``, ``str``, numbers, ``bool`` and ``None`` only."""
    if value is None or (isinstance(value, (str, bool, int)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, place)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _unwritable(place, f"the number {value}")
        return value
    if isinstance(value, Mapping):
        return {_key(key, place): plain(item, f"{place}.{key}" if place else str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return plain({field.name: getattr(value, field.name) for field in fields}, place)
    if (dumped := _dumped_model(value)) is not _NO_MODEL:
        return plain(dumped, place)
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise _unwritable(place, "what is to be awaited (is an `await` missing?)")
    raise _unwritable(place, f"a `{type(value).__name__}`")


_NO_MODEL = object()


def _dumped_model(value: Any) -> Any:
    if isinstance(value, type):
        return _NO_MODEL
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json")
    if callable(getattr(value, "parse_obj", None)) and callable(text := getattr(value, "json", None)):
        return json.loads(text())
    return _NO_MODEL


def _key(key: Any, place: str) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return str(key)
    raise _unwritable(place, f"the key `{key!r}`")


def _unwritable(place: str, what: str) -> InferletError:
    where = f"`{place}`: " if place else ""
    return InferletError(f"{where}{what} cannot be written as JSON")


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type, without references: many tool formats, and small models, cannot follow them."""
    if (model := getattr(kind, "model_json_schema", None) or getattr(kind, "schema", None)) and isinstance(kind, type):
        return _without_references(model())
    if kind in (Any, typing.Any):
        return {}
    if kind is None or kind in _SCALARS:
        return dict(_SCALARS[type(None) if kind is None else kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        notes = [note for note in arguments[1:] if isinstance(note, str)]
        return {**schema_of(arguments[0]), **({"description": notes[0]} if notes else {})}
    if origin is Literal:
        return _choices(list(arguments))
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _choices([member.value for member in kind])
    if (fields := fields_of(kind)) is not None:
        return object_schema(fields)
    return _collection(kind, origin, arguments)


def _collection(kind: Any, origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    base = origin or kind
    if base is tuple and arguments and arguments[-1] is not Ellipsis:
        items = [schema_of(argument) for argument in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if isinstance(base, type) and issubclass(base, Mapping):
        return {"type": "object", **({"additionalProperties": schema_of(arguments[1])} if arguments else {})}
    if isinstance(base, type) and issubclass(base, Iterable) and base is not str:
        unique = {"uniqueItems": True} if issubclass(base, (set, frozenset)) else {}
        return {"type": "array", **({"items": schema_of(arguments[0])} if arguments else {}), **unique}
    raise InferletError(f"`{_type_name(kind)}` cannot be described as JSON Schema")


def _choices(values: list[Any]) -> dict[str, Any]:
    kinds = {json.dumps(_SCALARS.get(type(value), {})) for value in values}
    kind = _SCALARS.get(type(values[0]), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _union(arguments: tuple[Any, ...]) -> dict[str, Any]:
    schemas = [schema_of(argument) for argument in arguments]
    names = [schema.get("type") for schema in schemas]
    if all(isinstance(name, str) and len(schema) == 1 for name, schema in zip(names, schemas)):
        return {"type": names}
    return {"anyOf": schemas}


@dataclasses.dataclass(frozen=True)
class Field:
    """A member of an object."""

    name: str
    kind: Any
    required: bool
    description: str = ""


def object_schema(fields: list[Field]) -> dict[str, Any]:
    """The JSON Schema of an object with these fields and no others."""
    properties = {}
    for field in fields:
        described = {"description": field.description} if field.description else {}
        properties[field.name] = {**schema_of(field.kind), **described}
    required = [field.name for field in fields if field.required]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def fields_of(kind: Any) -> list[Field] | None:
    """The fields of a dataclass, ``TypedDict`` or named tuple; ``None`` for another type."""
    if not isinstance(kind, type):
        return None
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        missing = dataclasses.MISSING
        return [
            Field(f.name, hints[f.name], f.default is missing and f.default_factory is missing)
            for f in dataclasses.fields(kind)
            if f.init
        ]
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        required = kind.__required_keys__  # type: ignore[attr-defined]
        return [Field(name, _bare(hint), name in required) for name, hint in hints.items()]
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind, include_extras=True)
        defaults = kind._field_defaults  # type: ignore[attr-defined]
        return [Field(name, hints.get(name, Any), name not in defaults) for name in kind._fields]
    return None


def _bare(hint: Any) -> Any:
    """A hint of a ``TypedDict`` without ``Required`` and ``NotRequired``."""
    is_mark = getattr(typing.get_origin(hint), "_name", "") in ("Required", "NotRequired")
    return typing.get_args(hint)[0] if is_mark else hint


def _without_references(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of pydantic with its definitions put in where they are used."""
    definitions = {**schema.pop("$defs", {}), **schema.pop("definitions", {})}

    def resolved(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [resolved(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name in inside:
            raise InferletError(f"`{name}` contains itself, which a schema without references cannot say")
        if name in definitions:
            node = {**definitions[name], **{key: item for key, item in node.items() if key != "$ref"}}
            inside = (*inside, name)
        is_name = isinstance(node.get("title"), str)
        return {key: resolved(item, inside) for key, item in node.items() if not (is_name and key == "title")}

    return resolved(schema, ())  # type: ignore[no-any-return]


def from_json(value: Any, kind: Any, place: str = "") -> Any:
    """A value of JSON as a value of a type. Raises :class:`InferletError`, which names the place and what was expected
    there."""
    if kind is Any or (kind is None and value is None):
        return value
    if (validate := _validator(kind)) is not None:
        return _validated(validate, value, kind, place)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return from_json(value, arguments[0], place)
    if origin is Literal:
        return _chosen(value, {json.dumps(plain(choice)): choice for choice in arguments}, place)
    if origin in (Union, types.UnionType):
        return _one_of(value, arguments, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _chosen(value, {json.dumps(plain(member)): member for member in kind}, place)
    if kind in _SCALARS:
        return _scalar(value, kind, place)
    if (fields := fields_of(kind)) is not None:
        return kind(**fields_from_json(value, fields, place))
    return _items(value, kind, origin or kind, arguments, place)


def fields_from_json(value: Any, fields: list[Field], place: str = "") -> dict[str, Any]:
    """The fields of an object, each as its type says. Missing ones without need are left out; unknown ones are an error."""
    if not isinstance(value, dict):
        raise _unfit(value, "an object", place)
    known = {field.name: field for field in fields}
    for name in value:
        if name not in known:
            expected = f"expected {_listed(known)}" if known else "there are no fields"
            raise InferletError(f"{_prefix(place)}unknown field `{name}`, {expected}")
    found = {}
    for field in fields:
        if field.name in value:
            inner = f"{place}.{field.name}" if place else field.name
            found[field.name] = from_json(value[field.name], field.kind, inner)
        elif field.required:
            raise InferletError(f"{_prefix(place)}missing field `{field.name}`")
    return found


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model, of either version."""
    return _validator(kind) is not None


def _validator(kind: Any) -> Any:
    if not isinstance(kind, type):
        return None
    return getattr(kind, "model_validate", None) or getattr(kind, "parse_obj", None)


def _validated(validate: Any, value: Any, kind: Any, place: str) -> Any:
    try:
        return validate(value)
    except ValueError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise InferletError(f"{_prefix(place)}not a `{kind.__name__}`: {details}") from None


def _chosen(value: Any, choices: dict[str, Any], place: str) -> Any:
    text = json.dumps(value)
    if text in choices:
        return choices[text]
    names = [json.loads(choice) for choice in choices]
    raise InferletError(f"{_prefix(place)}unknown value `{_shown(value)}`, expected {_listed(names)}")


def _one_of(value: Any, kinds: tuple[Any, ...], place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    errors = []
    for kind in (kind for kind in kinds if kind is not type(None)):
        try:
            return from_json(value, kind, place)
        except InferletError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise _unfit(value, " or ".join(_type_name(kind) for kind in kinds), place)


def _scalar(value: Any, kind: Any, place: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise _unfit(value, {str: "a string", bool: "a boolean", int: "an integer", float: "a number"}.get(kind, "null"), place)


def _items(value: Any, kind: Any, base: Any, arguments: tuple[Any, ...], place: str) -> Any:
    if isinstance(base, type) and issubclass(base, Mapping):
        if not isinstance(value, dict):
            raise _unfit(value, "an object", place)
        inner = arguments[1] if arguments else Any
        return {key: from_json(item, inner, f"{place}.{key}" if place else key) for key, item in value.items()}
    if not (isinstance(base, type) and issubclass(base, Iterable)):
        raise InferletError(f"`{_type_name(kind)}` cannot be read from JSON")
    if not isinstance(value, list):
        raise _unfit(value, "an array", place)
    if base is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise _unfit(value, f"an array of {len(arguments)}", place)
        return tuple(from_json(item, kind, f"{place}[{i}]") for i, (item, kind) in enumerate(zip(value, arguments)))
    inner = arguments[0] if arguments else Any
    items = [from_json(item, inner, f"{place}[{index}]") for index, item in enumerate(value)]
    return base(items) if base in (tuple, set, frozenset) else items


def _unfit(value: Any, expected: str, place: str) -> InferletError:
    return InferletError(f"{_prefix(place)}`{_shown(value)}` is not {expected}")


def _prefix(place: str) -> str:
    return f"`{place}`: " if place else ""


def _listed(names: Iterable[Any]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 40 else text[:40] + "…"


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind).replace("typing.", "")

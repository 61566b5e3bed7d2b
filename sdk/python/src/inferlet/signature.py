"""The parameters of a function as fields of a JSON object: for tools, and for ``main``."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from . import docs
from .errors import InferletError
from .jsons import Field


def fields(function: Callable[..., Any]) -> tuple[str, list[Field]]:
    """The description of a function, and its parameters. A parameter without a type takes any JSON."""
    description, arguments = docs.parse(function.__doc__)
    hints = type_hints(function)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise InferletError(f"{place(function)}: `{parameter.name}` of `{function.__name__}` cannot be given by name")
        kind = hints.get(parameter.name, Any)
        required = parameter.default is parameter.empty
        found.append(Field(parameter.name, kind, required, arguments.get(parameter.name, "")))
    return description, found


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of a function's parameters. Raises :class:`InferletError` for a type that does not exist."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise InferletError(f"{place(function)}: the type of a parameter of `{function.__name__}`: {error}") from None


def place(function: Callable[..., Any]) -> str:
    """The file and line of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "the program" if code is None else f"`{code.co_filename}`, line {code.co_firstlineno}"

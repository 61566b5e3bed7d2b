"""Between the export of the component and the program: JSON in, JSON out.

The wrapper that a build generates makes a :class:`Program` of the files, calls :meth:`Program.prepare` while the component is built, and
:meth:`Program.run` or :meth:`Program.respond` in its export.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import io
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from . import _bindings, http, jsons, signature, waiting, wire
from ._bindings import Err
from .absent import AbsentError, instead
from .bundle import Bundle, Files, module_name
from .errors import InferletError
from .loop import InferletLoop, is_internal
from .preload import preload
from .style import Style, style_of

__all__ = ["BuildError", "Program"]

_PLAIN_ERRORS = (Exception, RuntimeError, ValueError)
"""Errors of Python that programs raise to say something; others, such as ``NameError``, are mistakes, whose line is what helps."""
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())
"""Several errors in one, since Python 3.11."""


class BuildError(InferletError):
    """What is wrong with a program, found while its component is built. componentize-py prints it in a line of its own."""


class Program:
    """A program: its files, as a bundle or mapping of paths to contents, and which of them it begins with."""

    def __init__(self, files: Bundle | Files, entry: str) -> None:
        self._bundle = Bundle(files) if isinstance(files, Mapping) else files
        self._entry = entry
        self._style: Style | None = None
        self._main: Callable[..., Any] | None = None
        self._code: types.CodeType | None = None

    def prepare(self) -> None:
        """Does while the component is built what need not be done in each run: compiles, and imports a program that has a ``main``. One
        that asks the engine or prints while it is imported is imported in each run instead.

        Raises :class:`BuildError` with what is wrong with it, in one line with the user's file and line.
        """
        try:
            self._prepare()
        except Exception as error:
            raise BuildError(message_of(error)) from None

    def _prepare(self) -> None:
        self._bundle.install()
        self._load_style()
        for path in self._bundle.files:
            if module_name(path) is not None:
                self._bundle.compile(path)
        preload(self._bundle)
        if self._style is Style.SCRIPT:
            self._code = self._bundle.compile(self._entry)
            return
        printed = io.StringIO()
        try:
            with _bindings.no_engine(), redirect_stdout(printed), redirect_stderr(printed):
                main = self._import_main()
        except _bindings.NoEngineYet:
            self._bundle.forget()
            return
        if printed.getvalue():
            # Who runs it wants to see that.
            self._bundle.forget()
        else:
            self._main = main

    def describe(self) -> str:
        """What a person or a manifest has to know of it, as JSON: its ``style``, the ``description`` in the docstring of ``main`` or of
        the file, and ``parameters``, a JSON Schema of the input made of the parameters of ``main``; ``null`` if they say nothing of it."""
        self._bundle.install()
        self._load_style()
        if self._style is Style.SCRIPT:
            module = ast.parse(self._bundle.files[self._entry])
            return jsons.dumps({"style": "script", "description": ast.get_docstring(module) or "", "parameters": None})
        main = self._main or self._import_main()
        if self._style is Style.HANDLER:
            return jsons.dumps({"style": "handler", "description": inspect.getdoc(main) or "", "parameters": None})
        description, fields = signature.fields(main)
        whole = _whole_input(main)
        if whole is None:
            schema: Any = jsons.object_schema(fields)
        else:
            known = jsons.fields_of(whole) is not None or jsons.is_model(whole)
            schema = jsons.schema_of(whole) if known else None
        return jsons.dumps({"style": "entry", "description": description, "parameters": schema})

    def run(self, input: str) -> str:
        """Runs the program with an input as JSON text; returns its output as JSON text. Raises the error of the bindings, with one line of
        text, if it fails; the traceback is printed then."""
        _start()
        try:
            return self._run(input)
        except SystemExit as exit:
            if exit.code in (None, 0):
                return "null"
            raise Err(f"the program has ended with `{exit.code}`") from None
        except BaseException as error:
            raise _failed(error) from None
        finally:
            _clean_up()

    def _run(self, input: str) -> str:
        self._bundle.install()
        self._load_style()
        if self._style is Style.HANDLER:
            raise InferletError(f"`{self._entry}` responds to HTTP requests, and was called without one")
        if self._style is Style.SCRIPT:
            self._run_script()
            return "null"
        main = self._main or self._import_main()
        arguments = _arguments(main, input)
        loop = InferletLoop()
        asyncio.set_event_loop(loop)
        try:
            value = loop.run_until_complete(_called(main, arguments))
        finally:
            loop.end()
        try:
            return jsons.dumps(value)
        except InferletError as error:
            raise InferletError(f"{signature.place(main)}: the result of `main`: {error}") from None

    def respond(self, request: Any, out: Any) -> None:
        """Responds to a request of the bindings. What the program raises is a response with status 500; the traceback is printed."""
        _start()
        try:
            self._bundle.install()
            self._load_style()
            handle = self._main or self._import_main()
            loop = InferletLoop()
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(_responded(handle, request, out))
            finally:
                loop.end()
        except BaseException as error:
            # There is nobody any more who could be told; the engine says that there was no response, or cuts it off.
            _failed(error)
        finally:
            _clean_up()

    def _load_style(self) -> None:
        if self._style is None:
            if self._entry not in self._bundle.files:
                raise InferletError(f"there is no `{self._entry}` among the files of the program")
            self._style = style_of(self._bundle.files[self._entry], self._entry)

    def _import_main(self) -> Callable[..., Any]:
        name = module_name(self._entry)
        if name is None:
            raise InferletError(f"`{self._entry}` cannot be imported: its name has to be a Python name that ends in `.py`")
        module = __import__(name)
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        if self._style is Style.HANDLER:
            return next(value for value in vars(module).values() if getattr(value, http.HANDLER, False))
        main = getattr(module, "main", None)
        if main is None:
            raise InferletError(f"`{self._entry}` defines no `main`")
        if not callable(main) or not inspect.iscoroutinefunction(inspect.unwrap(main)):
            raise InferletError(f"{signature.place(main)}: `main` is no `async def`; make it `async def main(input)`")
        return main  # type: ignore[no-any-return]

    def _run_script(self) -> None:
        code = self._code or self._bundle.compile(self._entry)
        module = types.ModuleType("__main__")
        spec = self._bundle.find_spec(module_name(self._entry) or "__main__")
        module.__dict__.update(__file__=self._entry, __loader__=spec.loader if spec else None, __spec__=None)
        sys.modules["__main__"] = module
        try:
            exec(code, module.__dict__)
        finally:
            # What it holds is given back now, and not when its modules happen to be cleared.
            waiting.close_idle_loop()


def _start() -> None:
    """What an interpreter does when it starts: this one was started while the component was built."""
    use_engine_loop()
    # What is there otherwise is from the machine that built the component.
    os.environ.clear()
    os.environ.update(dict(_bindings.environment.get_environment()))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    if (random := sys.modules.get("random")) is not None:
        # From the host's randomness, which follows from the seed of the run.
        random.seed()


async def _called(main: Callable[..., Any], arguments: dict[str, Any] | list[Any]) -> Any:
    return await (main(*arguments) if isinstance(arguments, list) else main(**arguments))


async def _responded(handle: Callable[..., Any], raw: Any, out: Any) -> None:
    try:
        response = http.response_of(await handle(await http.received(raw)))
    except Exception as error:
        response = http.OutgoingResponse.text(f"{_failed(error).value}\n", status=500)
    await wire.respond(out, response)


def use_engine_loop() -> None:
    """Has ``asyncio`` make loops that wait for the engine, for ``asyncio.run`` in particular."""
    asyncio.events.new_event_loop = asyncio.new_event_loop = InferletLoop


def _arguments(main: Callable[..., Any], input: str) -> dict[str, Any] | list[Any]:
    """What ``main`` is called with. One parameter that is called ``input``, or has the type of an object, takes all of the input; otherwise
    each parameter takes the field of its name."""
    try:
        value = json.loads(input.strip() or "{}")
    except ValueError as error:
        raise InferletError(f"the input is no JSON: {error}") from None
    try:
        whole = _whole_input(main)
        if whole is not None:
            return [jsons.from_json(value, whole)]
        if not inspect.signature(main).parameters:
            return []
        return jsons.fields_from_json(value, signature.fields(main)[1])
    except InferletError as error:
        raise InferletError(f"the input does not fit `main` ({signature.place(main)}): {error}") from None


def _whole_input(main: Callable[..., Any]) -> Any:
    """The type of the one parameter that takes all of the input; ``None`` if the parameters take its fields."""
    parameters = list(inspect.signature(main).parameters.values())
    if len(parameters) != 1:
        return None
    name = parameters[0].name
    kind = signature.type_hints(main).get(name, dict if name == "input" else Any)
    base = getattr(kind, "__origin__", kind)
    is_object = jsons.fields_of(kind) is not None or jsons.is_model(kind)
    is_collection = isinstance(base, type) and issubclass(base, (dict, list))
    return kind if name == "input" or kind is Any or is_object or is_collection else None


def _failed(error: BaseException) -> Err:
    """The error of the run; prints the traceback, from where the program's own code begins."""
    shown = error.with_traceback(_own_part(error.__traceback__))
    is_refusal = isinstance(error, InferletError) and shown.__traceback__ is None
    if not is_refusal:
        traceback.print_exception(shown, file=sys.stderr)
    return Err(message_of(error))


def _own_part(tb: types.TracebackType | None) -> types.TracebackType | None:
    while tb is not None and is_internal(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def message_of(error: BaseException) -> str:
    """One line about an error: what it says, if it was raised to say something; else its kind and the program's line too."""
    text = " ".join(str(error).split())
    kind = type(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"`{error.filename}`, line {error.lineno}: {error.msg}"
    if isinstance(error, _GROUP):
        return f"{text}: {'; '.join(message_of(inner) for inner in error.exceptions)}"
    says_something = kind in _PLAIN_ERRORS or kind.__module__ != "builtins"
    if isinstance(error, AbsentError):
        place = _last_place(error.__traceback__)
        return f"{place}: {text}" if place else text
    if text and (isinstance(error, InferletError) or (says_something and _raised_by_program(error.__traceback__))):
        return text
    named = f"{kind.__name__}: {text}" if text else kind.__name__
    place = _last_place(error.__traceback__)
    better = instead(error)
    if better:
        named = f"{named.removesuffix('.')}; {better}"
    return f"{place}: {named}" if place else named


def _raised_by_program(tb: types.TracebackType | None) -> bool:
    """Whether an error comes from a line of the program itself, and not from a library that it called."""
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    return tb is None or not is_internal(tb.tb_frame.f_code.co_filename)


def _last_place(tb: types.TracebackType | None) -> str | None:
    """The innermost line of the program's own code."""
    place = None
    while tb is not None:
        filename = tb.tb_frame.f_code.co_filename
        if not is_internal(filename):
            place = f"`{filename}`, line {tb.tb_lineno}"
        tb = tb.tb_next
    return place


def _clean_up() -> None:
    """An instance ends without Python's own exit: what that would write is written here."""
    waiting.close_idle_loop()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass

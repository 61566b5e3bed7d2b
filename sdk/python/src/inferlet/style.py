"""Which of three ways a program is written in, decided from its source alone, before anything of it runs.

* A file that defines ``main``, by ``async def``, by assignment or by importing it, is a program with an entry point. ``main`` is called
  with the input, inside an event loop; its result is the run's.
* A file that has an ``async def`` marked with ``@http.handler`` is a program that responds to HTTP requests: it is called with each.
* A file that has neither, but does something, is a program whose statements are the program. It is run as ``__main__``, from top to
  bottom, and calls that wait block.

Any other file is an error, and so are a plain ``def main`` and one that has both ``main`` and a handler.
"""

from __future__ import annotations

import ast
import enum

from .errors import InferletError

__all__ = ["Style", "style_of"]


class Style(enum.Enum):
    """How a program is run."""

    ENTRY = "entry"
    """``async def main(input)`` is called."""
    SCRIPT = "script"
    """Its statements are run."""
    HANDLER = "handler"
    """What ``@http.handler`` marks is called with a request."""


def style_of(source: str | bytes, path: str) -> Style:
    """The style of a program.

    Raises ``SyntaxError``, or :class:`InferletError` with the path and line, for a file that is no program.
    """
    module = ast.parse(source, path)
    handlers = [node for node in module.body if _is_handler(node)]
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "main" and not statement.decorator_list:
            raise InferletError(
                f"`{path}`, line {statement.lineno}: `main` is a plain function; make it `async def main(input)`"
            )
        if _defines_main(statement):
            if handlers:
                raise InferletError(f"`{path}`, line {statement.lineno}: there are `main` and a handler of requests; a program has one of them")
            return Style.ENTRY
    if len(handlers) > 1:
        raise InferletError(f"`{path}`, line {handlers[1].lineno}: there is a second handler of requests; a program has one")
    if handlers:
        if not isinstance(handlers[0], ast.AsyncFunctionDef):
            raise InferletError(f"`{path}`, line {handlers[0].lineno}: a handler of requests is `async def`")
        return Style.HANDLER
    if any(_does_something(statement) for statement in module.body):
        return Style.SCRIPT
    raise InferletError(f"`{path}`{_hint(module)}: there is nothing to run; define `async def main(input)`")


def _defines_main(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == "main"
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((name.asname or name.name) == "main" for name in statement.names)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return any(isinstance(target, ast.Name) and target.id == "main" for target in targets)
    if isinstance(statement, (ast.If, ast.Try)) and not _is_main_guard(statement):
        inner = [*statement.body, *statement.orelse]
        return any(_defines_main(child) for child in inner)
    return False


def _is_handler(statement: ast.stmt) -> bool:
    """Whether it is a function with the mark of :func:`inferlet.http.handler`, written as one of these. bakery looks for the same."""
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return any(ast.unparse(decorator) in ("handler", "http.handler", "inferlet.http.handler") for decorator in statement.decorator_list)


def _does_something(statement: ast.stmt) -> bool:
    """Whether a statement is more than a definition: anything but imports, functions, classes, docstrings and plain values."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)):
        return False
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        value = statement.value
        return value is not None and any(isinstance(node, (ast.Call, ast.Await)) for node in ast.walk(value))
    if isinstance(statement, ast.If):
        return any(_does_something(child) for child in [*statement.body, *statement.orelse])
    return True


def _is_main_guard(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which holds for statements that are the program, and not beside a ``main``."""
    names = {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)} if isinstance(statement, ast.If) else ()
    return "__name__" in names


def _hint(module: ast.Module) -> str:
    """The place of a function that may have been meant."""
    functions = [node for node in module.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not functions:
        return ""
    last = functions[-1]
    return f", line {last.lineno} (`{last.name}`)"

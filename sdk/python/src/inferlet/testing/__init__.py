"""Tests of inferlets in Python: the cases of a project, run by the installed ``bakery`` and told as pytest tells of tests.

Cases are written in ``Pie.toml`` under ``[[test]]``, or in files under ``tests/``, as for ``bakery test``. As a plugin of pytest this module makes
a test of each::

    pytest -p inferlet.testing hello

Where the package is installed, pytest finds the plugin by itself. A failed case shows what ``bakery test`` shows: the first cause in words, the
lines and tokens that differ, and the command that runs just that case again. ``-k`` and ``-m`` choose by name and tag; ``--inferlet-update new``
accepts what is new.

In a test that does more, a case is called::

    from inferlet import testing

    @pytest.mark.parametrize("case", testing.cases("hello"), ids=str)
    def test_hello(case):
        assert case.check().passes < 100

This module is for the machine that tests, and not for inferlets: it starts a program.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BakeryError", "Case", "CaseFailure", "Problem", "Result", "cases", "run"]


class BakeryError(Exception):
    """``bakery`` could not run the cases: it is not there, a case is wrong, or something outside is missing."""


class CaseFailure(AssertionError):
    """A case whose run is not as it should be."""

    result: Result
    """What came of it."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.describe())
        self.result = result


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be."""

    kind: str
    """``unexpected``, ``differs``, ``missing``, ``not-comparable``, ``broken``, ``race``, ``finding`` or ``unrunnable``."""
    message: str
    """In one line, with the first cause."""
    lines: list[str] = field(default_factory=list)
    """How it differs: lines that begin with a space, ``-`` (accepted), ``+`` (found), or ``@`` and how many are left out."""
    tokens: list[str] = field(default_factory=list)
    """The chosen tokens as text, each beginning with a space, ``-`` or ``+``."""
    traces: list[str] = field(default_factory=list)
    """Where the two traces of a race are."""

    def describe(self) -> str:
        """All of it, as lines."""
        said = [self.message]
        if self.tokens:
            said.append("  tokens: " + "".join(_marked(token) for token in self.tokens))
        said.extend(f"    … {line[1:]} the same" if line.startswith("@") else f"    {line}" for line in self.lines)
        said.extend(f"  trace: {trace}" for trace in self.traces)
        return "\n".join(said)


def _marked(token: str) -> str:
    text = json.dumps(token[1:], ensure_ascii=False)[1:-1]
    return {"-": f"[-{text}-]", "+": f"{{+{text}+}}"}.get(token[:1], text)


@dataclass(frozen=True)
class Result:
    """What came of a case."""

    name: str
    """The case."""
    passed: bool
    """Whether all is as it should be."""
    problems: list[Problem]
    """What is not."""
    passes: int
    """Forward passes."""
    sampled_tokens: int
    """Tokens that samplers chose."""
    least_margin: float | None
    """The least margin between first and second logit over all arg max choices."""
    coverage: dict[str, Any]
    """What it made use of, as ``bakery test --json`` says it."""
    again: str
    """The command that runs it again."""

    def describe(self) -> str:
        """What is not as it should be, and how to run the case again."""
        return "\n".join([*(problem.describe() for problem in self.problems), f"again: {self.again}"])

    def check(self) -> Result:
        """Raises :class:`CaseFailure` if something is not as it should be."""
        if not self.passed:
            raise CaseFailure(self)
        return self


@dataclass(frozen=True)
class Case:
    """A case of a project."""

    project: Path
    """The folder of its ``Pie.toml``."""
    name: str
    """Unique in the project."""
    file: Path
    """Where it is written."""
    line: int
    """The line in it, from 1."""
    tags: tuple[str, ...]
    """Words to choose it by."""
    snapshot: tuple[str, ...]
    """The layers that are compared."""

    def __str__(self) -> str:
        return self.name

    def run(self, **options: Any) -> Result:
        """Runs it; ``options`` are those of :func:`run`."""
        (result,) = run(self.project, [self.name], **options)
        return result

    def check(self, **options: Any) -> Result:
        """Runs it, and raises :class:`CaseFailure` if something is not as it should be."""
        return self.run(**options).check()


def cases(project: str | os.PathLike[str] = ".", *, bakery: str | None = None) -> list[Case]:
    """The cases of a project, in the order in which they are written. Nothing is built."""
    root = Path(project).resolve()
    return [
        Case(root, said["name"], root / said["file"], said["line"], tuple(said["tags"]), tuple(said["snapshot"]))
        for said in _said(bakery, root, ["--list"])
        if said["type"] == "listed"
    ]


def run(
    project: str | os.PathLike[str] = ".",
    names: Iterable[str] | None = None,
    *,
    update: str | None = None,
    options: Iterable[str] = (),
    bakery: str | None = None,
) -> list[Result]:
    """Builds a project and runs its cases, all or those with these names, and says what came of each, in their order.

    ``update`` is what is accepted at once: ``"none"``, ``"new"`` or ``"all"``; ``options`` are further ones of ``bakery test``, for example
    ``["--seeds", "5"]``. What ``bakery`` is comes from ``bakery``, the variable ``BAKERY``, or the search path.
    """
    wanted = None if names is None else list(names)
    if wanted == []:
        return []
    arguments = [*(wanted or []), *options, *(["--update", update] if update else [])]
    said = _said(bakery, Path(project).resolve(), arguments)
    return [_result(case) for case in said if case["type"] == "case"]


def _result(said: dict[str, Any]) -> Result:
    problems = []
    for problem in said["problems"]:
        difference = problem.get("difference") or {}
        problems.append(
            Problem(
                problem["kind"],
                problem["message"],
                difference.get("lines", []),
                difference.get("tokens", []),
                problem.get("traces", []),
            )
        )
    return Result(
        said["name"],
        said["passed"],
        problems,
        said["passes"],
        said["sampled_tokens"],
        said.get("least_margin"),
        said["coverage"],
        said["again"],
    )


def _said(bakery: str | None, project: Path, arguments: list[str]) -> list[dict[str, Any]]:
    """The documents of ``bakery test --json``."""
    # An inferlet has no processes, and this module is in its component.
    import subprocess

    wanted = bakery or os.environ.get("BAKERY") or "bakery"
    program = shutil.which(wanted)
    if program is None:
        raise BakeryError(f"there is no program `{wanted}`; put `bakery` on the search path, or name it in the variable `BAKERY`")
    command = [program, "test", str(project), "--json", *arguments]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", check=False)
    try:
        documents = [json.loads(line) for line in ended.stdout.splitlines()]
    except ValueError:
        documents = []
    # Where cases failed, an error follows them; what came of them says more.
    whole = any(document["type"] in ("tested", "listed") for document in documents)
    if ended.returncode in (0, 1) and whole:
        return documents
    raise BakeryError(_why(documents, ended.stderr, ended.returncode))


def _why(documents: list[dict[str, Any]], stderr: str, code: int) -> str:
    for document in documents:
        if document["type"] == "error":
            causes = [f"cause: {cause}" for cause in document.get("causes", [])]
            hints = [f"hint: {hint}" for hint in document.get("hints", [])]
            return "\n".join([document["message"], *causes, *hints])
    return stderr.strip() or f"`bakery test` ended with {code}"


def pytest_addoption(parser: Any) -> None:
    """Adds the options of the plugin."""
    group = parser.getgroup("inferlet", "cases of inferlets")
    group.addoption("--bakery", metavar="FILE", help="the program `bakery`; without it the variable BAKERY, or the search path")
    group.addoption(
        "--inferlet-update",
        choices=["none", "new", "all"],
        help="what to accept at once of snapshots that differ; nothing if not given",
    )
    group.addoption(
        "--inferlet-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="a further option of `bakery test`, for example --inferlet-option=--schedules=20; can be repeated",
    )


def pytest_configure(config: Any) -> None:
    """Makes tags known as marks."""
    config.addinivalue_line("markers", "inferlet: a case of an inferlet's project; its tags are marks too")


def pytest_collect_file(file_path: Path, parent: Any) -> Any:
    """Collects the cases of a project from its manifest."""
    if file_path.name != "Pie.toml":
        return None
    from .items import Manifest

    return Manifest.from_parent(parent, path=file_path)

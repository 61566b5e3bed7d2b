"""What a docstring says about a function and its arguments, in Google's, NumPy's and Sphinx's style."""

from __future__ import annotations

import inspect
import re

_GOOGLE = re.compile(r"^(args|arguments|parameters|params)\s*:\s*$", re.IGNORECASE)
_SECTION = re.compile(r"^(args|arguments|parameters|params|returns?|yields?|raises|examples?|notes?)\s*:\s*$", re.IGNORECASE)
_GOOGLE_ITEM = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r"^\s*:(param|parameter|arg|argument)\s+(?:[\w\[\], .|]+\s+)?(\w+)\s*:\s*(.*)$")
_SPHINX_OTHER = re.compile(r"^\s*:(returns?|rtype|raises?|type)\b.*$")
_NUMPY_ITEM = re.compile(r"^\*{0,2}(\w+)\s*(?::.*)?$")


def parse(docstring: str | None) -> tuple[str, dict[str, str]]:
    """The description without the parts on arguments, results and errors; and for each argument what is said about it."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    text: list[str] = []
    arguments: dict[str, str] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        if _SPHINX_OTHER.match(line):
            index += 1
        elif found := _SPHINX.match(line):
            index = _continued(lines, index, found[2], found[3], arguments)
        elif _SECTION.match(line):
            body, index = _indented(lines, index + 1)
            if _GOOGLE.match(line):
                _read_google(body, arguments)
        elif index + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[index + 1].strip()):
            index = _read_numpy(lines, index, arguments)
        else:
            text.append(line)
            index += 1
    return "\n".join(text).strip(), arguments


def _continued(lines: list[str], index: int, name: str, first: str, arguments: dict[str, str]) -> int:
    parts = [first]
    index += 1
    while index < len(lines) and lines[index].startswith(" ") and not lines[index].lstrip().startswith(":"):
        parts.append(lines[index].strip())
        index += 1
    arguments[name] = " ".join(filter(None, parts))
    return index


def _indented(lines: list[str], index: int) -> tuple[list[str], int]:
    start = index
    while index < len(lines) and (not lines[index].strip() or lines[index].startswith(" ")):
        index += 1
    return lines[start:index], index


def _read_google(body: list[str], arguments: dict[str, str]) -> None:
    name, depth = "", 0
    for line in body:
        found = _GOOGLE_ITEM.match(line)
        if found and (not name or len(found[1]) <= depth):
            name, depth = found[2], len(found[1])
            arguments[name] = found[3]
        elif name and line.strip():
            arguments[name] = f"{arguments[name]} {line.strip()}".strip()


def _read_numpy(lines: list[str], index: int, arguments: dict[str, str]) -> int:
    is_arguments = lines[index].strip().lower() in ("parameters", "arguments")
    index += 2
    name = ""
    while index < len(lines):
        line = lines[index]
        if index + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[index + 1].strip()):
            break
        if is_arguments and (found := _NUMPY_ITEM.match(line)):
            name = found[1]
            arguments[name] = ""
        elif is_arguments and name and line.strip():
            arguments[name] = f"{arguments[name]} {line.strip()}".strip()
        index += 1
    return index

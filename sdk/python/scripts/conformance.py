"""Runs the examples, and compares their traces with those of the Rust examples of the same ideas.

    python scripts/conformance.py --bakery PATH [NAME…]

The traces have to be the same, but for the program's name and what it returns (the order of keys, and digits of numbers, are the language's own).
All but those that launch others run in one shared component, which is given its program; those are built. Components are kept in `build/`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import componentize

EXAMPLES = componentize.SDK / "examples"
RECORDED = componentize.REPOSITORY / "tests/examples"
RUST = componentize.REPOSITORY / "examples"
BUILD = componentize.SDK / "build"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bakery", type=Path, required=True)
    parser.add_argument("names", nargs="*", help="ideas, such as `hello`; all by default")
    given = parser.parse_args()
    names = given.names or sorted(path.name.removesuffix("-python") for path in EXAMPLES.iterdir() if path.is_dir())
    BUILD.mkdir(exist_ok=True)
    results = [check(name, given.bakery.resolve()) for name in names]
    return 0 if all(results) else 1


def check(name: str, bakery: Path) -> bool:
    """Runs one example; says whether its trace is the expected one, and prints where it is not."""
    expected = read(RECORDED / f"{name}-rust.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.jsonl")
        run = subprocess.run(command(name, bakery, Path(folder), trace), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        found = read(trace) if trace.exists() else []
    difference = first_difference(expected, found)
    print(f"{name:24} {'same' if run.returncode == 0 and difference is None else 'DIFFERS'}, {len(found)} events")
    if run.returncode != 0:
        print(run.stderr[-2000:])
    elif difference is not None:
        number, rust, python = difference
        print(f"  at event {number}\n  rust:   {rust}\n  python: {python}")
    return run.returncode == 0 and difference is None


def command(name: str, bakery: Path, folder: Path, trace: Path) -> list[str]:
    case = setting(RECORDED / f"{name}-rust.toml")
    project = EXAMPLES / f"{name}-python"
    # What it was launched with is recorded.
    launched = json.loads((RECORDED / f"{name}-rust.jsonl").read_text().splitlines()[1])
    manifest = (project / "Pie.toml").read_text()
    if "[dependencies]" in manifest:
        component, given = own_component(project), launched["input"]
        options = ["--manifest", str(project / "Pie.toml")]
    else:
        files = {path: text if isinstance(text, str) else text.decode() for path, text in componentize.files_of(project).items()}
        component, options = shared_component(), []
        given = json.dumps({"files": files, "entry": "main.py", "input": launched["input"]})
    Path(folder, "input.json").write_text(given)
    options += ["--input", f"@{Path(folder, 'input.json')}", "--seed", str(case.get("seed", 0)), "--sanitize", "--trace", str(trace)]
    for message in case.get("send", []):
        options += ["--send", message]
    if "script" in case:
        options += ["--script", str(RUST / f"{name}-rust" / case["script"])]
    if "pages" in case:
        options += ["--pages", str(case["pages"])]
    return [str(bakery), "run", str(component), *options]


def shared_component() -> Path:
    output = BUILD / "shared.wasm"
    if is_outdated(output, componentize.SDK / "src"):
        componentize.build("shared", None, "", output, True)
    return output


def own_component(project: Path) -> Path:
    output = BUILD / f"{project.name}.wasm"
    if is_outdated(output, componentize.SDK / "src") or is_outdated(output, project):
        componentize.build(project.name, componentize.files_of(project), "main.py", output, True)
    return output


def is_outdated(output: Path, sources: Path) -> bool:
    newest = max(path.stat().st_mtime for path in sources.rglob("*.py"))
    return not output.exists() or output.stat().st_mtime < newest


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a trace, behind its header and the launch, without what is the language's own."""
    lines = path.read_text().replace("-rust", "-LANGUAGE").replace("-python", "-LANGUAGE").splitlines()[2:]
    events = [json.loads(line) for line in lines]
    for event in events:
        event.pop("seq")
        if "ok" in event.get("outcome", {}):
            event["outcome"] = "ok"
    return events


def first_difference(expected: list[Any], found: list[Any]) -> tuple[int, Any, Any] | None:
    for number, (rust, python) in enumerate(zip(expected, found)):
        if rust != python:
            return number, rust, python
    if len(expected) != len(found):
        return min(len(expected), len(found)), f"{len(expected)} events", f"{len(found)} events"
    return None


def setting(path: Path) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(path.read_text())


if __name__ == "__main__":
    sys.exit(main())

"""Makes a component of a Python program, with the commands that README.md explains in "How bakery builds it".

    python scripts/componentize.py PROJECT -o OUT.wasm [--entry main.py] [--release] [--shared]

PROJECT is a folder with sources, or one source. `componentize-py` (the version in `pyproject.toml`) has to be on PATH or beside this Python.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent
REPOSITORY = SDK.parent.parent
RESERVED = ("core", "instruct", "mcp", "zo", "inferlet")
# Everything else is documentation, tests or caches.
LEFT_OUT = ("tests", "__pycache__", ".venv", "build", "dist", "node_modules")

WIT = """\
package pie:{name};

interface run {{
    run: func(input: string) -> result<string, string>;
}}

world program {{
    include pie:inferlet/inferlet;
    export run;
}}
"""

WRAPPER = """\
from inferlet.bundle import Bundle
from inferlet.entry import Program
from inferlet_files import ENTRY, FILES, SHOW_SOURCES

program = Program(Bundle(FILES, show_sources=SHOW_SOURCES), ENTRY)
program.prepare()


class Run:
    def run(self, input):
        return program.run(input)
"""

SHARED_WRAPPER = """\
import json

from inferlet.entry import Program
from inferlet.preload import preload_library

preload_library()


class Run:
    def run(self, input):
        launch = json.loads(input)
        return Program(launch["files"], launch["entry"]).run(launch["input"])
"""


def kebab(name: str) -> str:
    """A project's name as that of a WIT package; the same rule as in `sdk/rust/inferlet-macros/src/name.rs`."""
    made = ""
    for word in re.split(r"[^A-Za-z0-9]+", name):
        if not word:
            continue
        digit = word[0].isdigit()
        made += ("n" if digit else "") if not made else ("" if digit else "-")
        made += word.lower()
    if not made:
        return "unnamed"
    return f"{made}-program" if made in RESERVED else made


def files_of(project: Path) -> dict[str, str | bytes]:
    """All files of a project by path, sorted, so that the same sources give the same bytes."""
    if project.is_file():
        return {project.name: project.read_text()}
    found: dict[str, str | bytes] = {}
    for path in sorted(project.rglob("*")):
        relative = path.relative_to(project)
        if path.is_file() and not any(part in LEFT_OUT or part.startswith(".") for part in relative.parts):
            found[relative.as_posix()] = path.read_text() if path.suffix == ".py" else path.read_bytes()
    return found


def build(name: str, files: dict[str, str | bytes] | None, entry: str, output: Path, show_sources: bool) -> None:
    """Runs componentize-py on a generated wrapper; without files, on the one of the shared component."""
    with tempfile.TemporaryDirectory() as folder:
        app, wit = Path(folder, "app"), Path(folder, "wit")
        app.mkdir()
        wit.mkdir()
        # A copy, because Python writes what it has compiled beside the sources.
        shutil.copytree(SDK / "src/inferlet", app / "inferlet", ignore=shutil.ignore_patterns("__pycache__"))
        (wit / "program.wit").write_text(WIT.format(name=kebab(name)))
        if files is None:
            (app / "inferlet_program.py").write_text(SHARED_WRAPPER)
        else:
            (app / "inferlet_program.py").write_text(WRAPPER)
            content = f"ENTRY = {entry!r}\nSHOW_SOURCES = {show_sources}\nFILES = {files!r}\n"
            (app / "inferlet_files.py").write_text(content)
        world = f"pie:{kebab(name)}"
        command = [
            componentize_py(), "--quiet",
            "--wit-path", str(REPOSITORY / "wit"), "--wit-path", str(wit), "--world", f"{world}/program",
            "--full-names", "--world-module", "inferlet_bindings",
            "--export-interface-name", f"{world}/run=run",
            "--import-interface-name", "wasi:io/poll@0.2.12=wasi_io_poll",
            "--import-interface-name", "wasi:cli/environment@0.2.12=wasi_cli_environment",
            "--import-interface-name", "wasi:clocks/monotonic-clock@0.2.12=wasi_clocks_monotonic_clock",
            "componentize", "--python-path", str(app), "--output", str(output), "inferlet_program",
        ]  # fmt: skip
        # The interpreter remembers when what it imports from was changed.
        for path in [*app.rglob("*"), app]:
            os.utime(path, (0, 0))
        # What is installed for the user does not get into the component.
        environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        subprocess.run(command, check=True, env=environment, cwd=folder)


def componentize_py() -> str:
    beside = Path(sys.executable).parent / "componentize-py"
    found = str(beside) if beside.exists() else shutil.which("componentize-py")
    if found is None:
        sys.exit("error: there is no `componentize-py`: install `inferlet[build]`")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--name", help="of the package; by default that of the folder")
    parser.add_argument("--entry", default="main.py")
    parser.add_argument("--release", action="store_true", help="leave sources out of tracebacks")
    parser.add_argument("--shared", action="store_true", help="the component that is given its program at run time")
    given = parser.parse_args()
    project = given.project.resolve()
    name = given.name or (project.parent if project.is_file() else project).name
    entry = project.name if project.is_file() else given.entry
    files = None if given.shared else files_of(project)
    build(name, files, entry, given.output.resolve(), not given.release)


if __name__ == "__main__":
    main()

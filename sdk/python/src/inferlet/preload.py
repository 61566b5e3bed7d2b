"""Modules of Python's library that a component has.

A component has no folder with Python's library: it has the modules that were imported while it was built. So that a program can import in
the middle of a run too, a build imports whatever its sources mention anywhere, and what the library itself imports late.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bundle import Bundle

USUAL = (
    "__future__ abc argparse array ast asyncio base64 bisect calendar codecs collections collections.abc contextlib contextvars copy csv "
    "dataclasses datetime decimal difflib enum fractions functools gc hashlib heapq hmac html importlib importlib.metadata "
    "importlib.resources importlib.resources.abc inspect io itertools json keyword linecache logging math numbers operator os pathlib pprint "
    "queue random re reprlib secrets shlex statistics string struct sys textwrap threading time tokenize traceback types typing unicodedata "
    "urllib.parse uuid warnings weakref zlib zoneinfo"
).split()
"""What programs use most, and what the library imports late."""

LATE = (
    "_ast_unparse _md5 _sha1 _sha2 _sha3 _pydatetime _strptime _suggestions concurrent.futures concurrent.futures.thread email.parser "
    "encodings.ascii encodings.cp1252 encodings.hex_codec encodings.idna encodings.latin_1 encodings.raw_unicode_escape "
    "encodings.unicode_escape encodings.utf_16 encodings.utf_32 encodings.utf_8_sig importlib.metadata._adapters importlib.readers "
    "importlib.resources._adapters pickle tracemalloc"
).split()
"""What functions of the usual ones import when they are called, and codecs, which are imported when they are asked for."""

ABSENT = frozenset(
    "antigravity bz2 crypt ctypes curses dbm distutils ensurepip fcntl grp idlelib lib2to3 lzma mmap msilib msvcrt nis nt ossaudiodev pip pty pwd "
    "pydoc_data readline resource spwd sqlite3 ssl syslog termios test this tkinter tty turtle turtledemo venv winreg winsound".split()
)
"""Modules of the library that need what WebAssembly does not have, and those that do something when they are imported."""


def preload(bundle: Bundle) -> None:
    """Imports what the sources of a program mention. What cannot be imported is left for the program to find out."""
    mentioned = {name for path, source in bundle.files.items() if path.endswith(".py") for name in mentioned_modules(source)}
    own = {name.partition(".")[0] for name in bundle.modules()}
    _import(sorted(name for name in mentioned if name.partition(".")[0] not in own))
    _import([*USUAL, *LATE])


def preload_library() -> None:
    """Imports all of Python's library that there is: for a component that is given its program at run time."""
    names = [name for name in sys.stdlib_module_names if not name.startswith("_") and name not in ABSENT]
    _import(sorted(names))
    submodules = (
        "concurrent.futures email.mime.multipart email.mime.text html.entities html.parser http.client http.cookies json.decoder "
        "json.encoder logging.config logging.handlers multiprocessing.dummy os.path string.templatelib unittest.mock urllib.error urllib.request "
        "wsgiref.types xml.dom.minidom xml.etree.ElementTree xml.sax"
    )
    _import([*USUAL, *LATE, *submodules.split()])


def mentioned_modules(source: str | bytes) -> Iterator[str]:
    """Names of the modules that a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            # Of `from xml import etree`, the second may be a module.
            yield from (f"{node.module}.{name.name}" for name in node.names if name.name != "*")


def _import(names: list[str]) -> None:
    for name in names:
        first = name.partition(".")[0]
        if first in sys.stdlib_module_names and first not in ABSENT:
            with contextlib.suppress(ImportError, AttributeError):
                importlib.import_module(name)

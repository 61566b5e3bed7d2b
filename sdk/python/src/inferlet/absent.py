"""What Python has elsewhere and an inferlet does not, and what to do instead.

The library itself says of these things that the operation is not permitted, or that an attribute or a module is missing.
"""

from __future__ import annotations

import sys
import types

from .errors import InferletError

__all__ = ["PROCESSES", "SOCKETS", "THREADS", "AbsentError", "instead"]

THREADS = "an inferlet has no threads: make an `async def` of what is to run beside others, and run several with `asyncio.gather`"
PROCESSES = "an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside"
SOCKETS = (
    "an inferlet has no sockets: `inferlet.http` asks the hosts that its manifest lists, `session` talks to whoever launched it, "
    "and `messaging` to other inferlets"
)
_SSL = "an inferlet has no sockets, and needs no `ssl` for HTTP: `inferlet.http` asks `https` addresses"
_SIGNALS = "an inferlet gets no signals: `asyncio.timeout` ends what takes too long"
_OF_LIBRARY = "`{}` is a part of Python's library that an inferlet does not have: most of these are compiled code or ask for an operating system"
_FOREIGN = "what a program imports is in its folder, in Python's library, or among the `dependencies` of `pyproject.toml`; `{}` is in none of these"

_OF_MODULES = {
    "_multiprocessing": PROCESSES,
    "_posixshmem": PROCESSES,
    "_posixsubprocess": PROCESSES,
    "_socket": SOCKETS,
    "_ssl": _SSL,
    "_thread": THREADS,
    "concurrent.futures.process": PROCESSES,
    "multiprocessing": PROCESSES,
    "pty": PROCESSES,
    "ssl": _SSL,
}
"""By names of modules that are not there, or by those of their packages."""

_OF_FILES = {
    "multiprocessing/": PROCESSES,
    "subprocess.py": PROCESSES,
    "ftplib.py": SOCKETS,
    "http/": SOCKETS,
    "imaplib.py": SOCKETS,
    "poplib.py": SOCKETS,
    "selectors.py": SOCKETS,
    "smtplib.py": SOCKETS,
    "socket.py": SOCKETS,
    "socketserver.py": SOCKETS,
    "urllib/": SOCKETS,
}
"""By files of the library that an error of the operating system is raised in."""

_OF_OS = ("exec", "fork", "kill", "popen", "posix_spawn", "spawn", "startfile", "system", "wait")
"""What names in `os` begin with that are about processes."""


class AbsentError(InferletError):
    """Somebody asked for what no inferlet has. It is a mistake in the program, whose line is what helps."""


def instead(error: BaseException) -> str | None:
    """What to do instead of what has failed, if it failed for want of something that no inferlet has."""
    if isinstance(error, ImportError):
        return _instead_of_module(error.name or "") if isinstance(error, ModuleNotFoundError) else None
    if isinstance(error, AttributeError):
        return _instead_of_attribute(getattr(error.obj, "__name__", ""), error.name or "")
    if type(error) is RuntimeError and str(error) == "can't start new thread":
        return THREADS
    if isinstance(error, OSError):
        raised_in = _library_file(error.__traceback__)
        return next((text for name, text in _OF_FILES.items() if raised_in.startswith(name)), None)
    return None


def _instead_of_module(name: str) -> str:
    package = name.partition(".")[0]
    known = _OF_MODULES.get(name) or _OF_MODULES.get(package)
    return known or (_OF_LIBRARY if package in sys.stdlib_module_names else _FOREIGN).format(name)


def _instead_of_attribute(module: str, name: str) -> str | None:
    if module in ("os", "posix") and name.startswith(_OF_OS):
        return PROCESSES
    return _SIGNALS if module == "signal" else None


def _library_file(tb: types.TracebackType | None) -> str:
    """The file of Python's library, by its place in there, that an error was raised in; empty if that was elsewhere."""
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    filename = tb.tb_frame.f_code.co_filename if tb is not None else ""
    return filename[len(_LIBRARY_FOLDER) :] if filename.startswith(_LIBRARY_FOLDER) else ""


_LIBRARY_FOLDER = types.__file__[: -len("types.py")]

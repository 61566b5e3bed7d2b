"""Comes first in the interpreter of a component: it is imported in place of Python's package of the same name, and hands over to that.

What a component keeps of its interpreter is the same whenever and wherever it is made only if nothing of that machine comes in. So from here on modules are
found and read by name: no folder is listed, whose order is its file system's, and no file is asked for its size or time, which would stay behind in memory that
was freed. And what the library draws or asks for while it is imported is written in its sources instead.
"""

import sys

import _frozen_importlib as importing
import _frozen_importlib_external as external
import posix

stay = sys.modules["encodings"].stay
"""Makes an object immortal: Python no longer counts its references, so that using it writes nothing."""

DRAWN = {
    "logging": (b"_startTime = time.time_ns()", b"_startTime = 0"),
    "multiprocessing.process": (b"os.urandom(32)", b"bytes(32)"),
    "random": (b"_inst = Random()", b"_inst = Random(0)"),
    "sysconfig": (b"_safe_realpath(srcdir)", b"srcdir"),
}
"""By module: what brings something in when it is imported, and what stands there instead. Each run seeds `random` anew."""


class Loader(external.SourceFileLoader):
    """Reads a source."""

    def path_stats(self, path):
        raise OSError("a file is not asked for its time")

    def get_data(self, path):
        data = contents(path)
        if self.name in DRAWN:
            before, after = DRAWN[self.name]
            if data.count(before) != 1:
                raise ImportError(f"`{self.name}` is not as expected: it has no `{before.decode()}`")
            data = data.replace(before, after)
        return data


class Finder:
    """Finds the modules of a folder."""

    def __init__(self, folder):
        self._folder = folder

    def find_spec(self, name, target=None):
        base = f"{self._folder}/{name.rpartition('.')[2]}"
        for path, inside in ((f"{base}/__init__.py", [base]), (f"{base}.py", None)):
            if is_there(path):
                loader = Loader(name, path)
                return external.spec_from_file_location(name, path, loader=loader, submodule_search_locations=inside)
        return None

    @classmethod
    def leave(cls):
        """From here on, modules are imported as Python does it by itself."""
        if cls in sys.path_hooks:
            sys.path_hooks.remove(cls)
            sys.path_importer_cache.clear()


def is_there(path):
    try:
        posix.close(posix.open(path, posix.O_RDONLY))
    except OSError:
        return False
    return True


def contents(path):
    # A file object would ask for the file's size.
    file = posix.open(path, posix.O_RDONLY)
    parts = []
    while part := posix.read(file, 1 << 16):
        parts.append(part)
    posix.close(file)
    return b"".join(parts)


sys.path_hooks.insert(0, Finder)
sys.path_importer_cache.clear()
# By its spec, because by its name this would be found again.
importing._load(Finder("/python").find_spec("encodings"))

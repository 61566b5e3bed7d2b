"""The files of a program inside its component, where there is no folder to import from.

A bundle is a mapping from paths, with ``/`` between folders, to contents: sources as ``str``, other files as ``bytes``. Installed,
it makes its modules importable and its data files readable through ``importlib.resources`` and ``pkgutil.get_data``. Tracebacks show the
sources, unless the bundle says that they are to be left out.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import io
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

Files = Mapping[str, "str | bytes"]


class Bundle(importlib.abc.MetaPathFinder):
    """Finds the modules of a program among its files. :meth:`install` puts it before all other places to import from."""

    def __init__(self, files: Files, *, show_sources: bool = True) -> None:
        self.files = dict(files)
        self.show_sources = show_sources

    def install(self) -> None:
        """Makes the modules importable."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def modules(self) -> list[str]:
        """Names of all modules, sorted."""
        return sorted(name for path in self.files if (name := module_name(path)) is not None)

    def forget(self) -> None:
        """Makes Python import the modules anew when they are asked for."""
        for name in self.modules():
            sys.modules.pop(name, None)

    def compile(self, path: str) -> CodeType:
        """The code of a source. Raises ``SyntaxError`` with its path and line."""
        return compile(self.files[path], path, "exec", dont_inherit=True)

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        """What ``importlib.metadata`` asks: the packages whose descriptions are among the files."""
        wanted = _normal(context.name) if context is not None and context.name else None
        for folder in sorted({path.partition("/")[0] for path in self.files if path.partition("/")[0].endswith(".dist-info")}):
            if wanted is None or _normal(folder.partition("-")[0]) == wanted:
                yield _distribution(self, folder)

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """What Python asks when it imports."""
        base = fullname.replace(".", "/")
        for file, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if file in self.files:
                loader = _Loader(self, file)
                spec = importlib.machinery.ModuleSpec(fullname, loader, origin=file, is_package=is_package)
                spec.has_location = True
                if is_package:
                    spec.submodule_search_locations = [base]
                return spec
        if any(file.startswith(f"{base}/") and file.endswith(".py") for file in self.files):
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [base]
            return spec
        return None


def module_name(path: str) -> str | None:
    """The name that a source is imported by; ``None`` for a file that is no module."""
    if not path.endswith(".py"):
        return None
    parts = path[: -len(".py")].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _normal(name: str) -> str:
    """The name of a package in the one form that is compared."""
    return name.lower().replace("-", "_").replace(".", "_")


def _distribution(bundle: Bundle, folder: str) -> Any:
    from importlib.metadata import Distribution

    class Bundled(Distribution):
        """A package in a bundle, as ``importlib.metadata`` reads it."""

        def read_text(self, filename: Any) -> str | None:
            path = f"{folder}/{filename}"
            return _bytes(bundle, path).decode() if path in bundle.files else None

        def locate_file(self, path: Any) -> Any:
            return _Entry(bundle, str(path))

    return Bundled()


class _Loader(importlib.abc.InspectLoader):
    """Loads one module of a bundle."""

    def __init__(self, bundle: Bundle, path: str) -> None:
        self._bundle = bundle
        self._path = path

    def get_code(self, fullname: str) -> CodeType:
        return self._bundle.compile(self._path)

    def get_source(self, fullname: str) -> str | None:
        if not self._bundle.show_sources:
            return None
        source = self._bundle.files[self._path]
        return source if isinstance(source, str) else source.decode()

    def is_package(self, fullname: str) -> bool:
        return self._path.endswith("/__init__.py")

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        return _bytes(self._bundle, path)

    def get_resource_reader(self, fullname: str) -> Any:
        if sys.version_info >= (3, 11):
            from importlib.resources.abc import TraversableResources
        else:
            from importlib.abc import TraversableResources

        folder = self._path.rpartition("/")[0]
        bundle = self._bundle

        class Reader(TraversableResources):
            def files(self) -> Any:
                return _Entry(bundle, folder)

        return Reader()


class _Entry:
    """A file or folder of a bundle, as ``importlib.resources`` reads it (its ``Traversable`` protocol)."""

    def __init__(self, bundle: Bundle, path: str) -> None:
        self._bundle = bundle
        self._path = path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        return self._path in self._bundle.files

    def is_dir(self) -> bool:
        return any(True for _ in self._inside())

    def iterdir(self) -> Iterator[_Entry]:
        for name in sorted({rest.partition("/")[0] for rest in self._inside()}):
            yield self / name

    def joinpath(self, *names: str) -> _Entry:
        parts = [part for name in names for part in str(name).split("/") if part not in ("", ".")]
        return _Entry(self._bundle, "/".join([*filter(None, [self._path]), *parts]))

    __truediv__ = joinpath

    def read_bytes(self) -> bytes:
        return _bytes(self._bundle, self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *, encoding: str | None = None, errors: str | None = None) -> Any:
        raw = io.BytesIO(self.read_bytes())
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding=encoding or "utf-8", errors=errors)

    def __str__(self) -> str:
        return self._path

    def _inside(self) -> Iterator[str]:
        prefix = f"{self._path}/" if self._path else ""
        return (path[len(prefix) :] for path in self._bundle.files if path.startswith(prefix) and path != prefix)


def _bytes(bundle: Bundle, path: str) -> bytes:
    if path not in bundle.files:
        raise FileNotFoundError(f"there is no `{path}` in the program")
    content = bundle.files[path]
    return content.encode() if isinstance(content, str) else content

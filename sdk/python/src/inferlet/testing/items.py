"""The cases of a project as items of pytest. They are run together, because building and starting takes longer than a case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from . import BakeryError, Case, CaseFailure, Result, cases, run

__all__ = ["CaseItem", "Manifest"]


class Manifest(pytest.File):
    """A ``Pie.toml``, and what came of its cases once one of them was asked for."""

    results: dict[str, Result] | None = None
    failed: BakeryError | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each case."""
        try:
            found = cases(self.path.parent, bakery=self.config.getoption("--bakery"))
        except BakeryError as error:
            raise self.CollectError(str(error)) from None
        for case in found:
            yield CaseItem.from_parent(self, name=case.name, case=case)

    def result(self, wanted: CaseItem) -> Result:
        """What came of a case. All that are to be run are run with the first, but where several processes share them out."""
        if hasattr(self.config, "workerinput"):
            return wanted.case.run(**self._how())
        if self.failed is not None:
            raise self.failed
        if self.results is None:
            chosen = [item.name for item in self.session.items if isinstance(item, CaseItem) and item.parent is self]
            try:
                came = run(self.path.parent, chosen, **self._how())
            except BakeryError as error:
                self.failed = error
                raise
            self.results = {result.name: result for result in came}
        return self.results[wanted.name]

    def _how(self) -> dict[str, Any]:
        option = self.config.getoption
        return {
            "update": option("--inferlet-update"),
            "options": option("--inferlet-option"),
            "bakery": option("--bakery"),
        }


class CaseItem(pytest.Item):
    """A case."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.add_marker("inferlet")
        self.extra_keyword_matches.update(case.tags)
        for tag in case.tags:
            if tag.isidentifier():
                self.config.addinivalue_line("markers", f"{tag}: a tag of inferlets' cases")
                self.add_marker(tag)

    def runtest(self) -> None:
        """Fails with what is not as it should be."""
        assert isinstance(self.parent, Manifest)
        result = self.parent.result(self)
        self.user_properties.append(("passes", result.passes))
        self.user_properties.append(("sampled-tokens", result.sampled_tokens))
        if result.least_margin is not None:
            self.user_properties.append(("least-margin", result.least_margin))
        result.check()

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """What differs, and not where in this file that was noticed."""
        if isinstance(excinfo.value, (CaseFailure, BakeryError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Where the case is written."""
        return self.case.file, self.case.line - 1, self.name

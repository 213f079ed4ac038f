"""The entries of a scenario file that say what must be true, read as expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.base import did_you_mean
from harness.expectations import DURING, KINDS
from harness.scenario.models import Check, one_line
from harness.scenario.problems import Problems, check_reference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.base import Resource
    from harness.expectations import Expectation
    from harness.manifests.spans import Document, KeyPath

INSTEAD = "instead"


@dataclass(frozen=True)
class Entries:
    """The expectations of one file, with what they may name; what is wrong is noted as problems."""

    document: Document
    lines: Sequence[str]
    problems: Problems
    stages: Collection[str]
    apps: tuple[Resource, ...]
    configs: Mapping[str, tuple[Resource, ...]]
    translated: Collection[str]

    def check(self, path: KeyPath, stage: str) -> Check | None:
        """Returns the expectation at a place, or the one instead of it in this stage; None if it's wrong."""
        entry: dict[str, Any] = self.document.data
        for part in path:
            entry = entry[part]  # type: ignore[index]
        meanwhile = path[0] == "during"
        kinds, beside = (DURING, ("name",)) if meanwhile else (KINDS, ("name", INSTEAD))
        try:
            name = one_line(str(entry["name"])) if "name" in entry else None
        except ValueError as error:
            self.problems.add((*path, "name"), str(error))
            return None
        others = self._instead({} if meanwhile else entry.get(INSTEAD, {}), (*path, INSTEAD), kinds)
        expectation = self._expectation(entry, path, kinds, beside)
        if expectation is None or others is None:
            return None
        name = name or expectation.title()
        name = f"during: {name}" if meanwhile else name
        where, source = self.problems.where(path), self._source(path)
        if stage not in others:
            return Check(name, expectation, where, source)
        because, other = others[stage]
        return Check(f"{name} ({INSTEAD})", other, where, source, because, expectation)

    def _expectation(
        self,
        entry: Mapping[str, Any],
        path: KeyPath,
        known: Mapping[str, type[Expectation]],
        beside: Collection[str],
    ) -> Expectation | None:
        """The one expectation of an entry, which may have these keys beside it."""
        kinds = [key for key in entry if key not in beside]
        if not all(self.problems.require((*path, kind), "expectation", kind, known) for kind in kinds):
            return None
        if len(kinds) != 1:
            words = " and ".join(kinds) or "none"
            self.problems.add(path, f"one expectation an entry, here {words}; {did_you_mean('', known)}")
            return None
        [kind] = kinds
        try:
            expectation = known[kind].model_validate(entry[kind])
        except ValidationError as error:
            self.problems.add_validation(error, (*path, kind), known[kind])
            return None
        for reference in expectation.references():
            at = (*path, kind, *reference.path)
            check_reference(self.problems, reference, at, self.configs, self.translated, self.apps)
        return expectation

    def _instead(
        self, written: object, path: KeyPath, kinds: Mapping[str, type[Expectation]]
    ) -> dict[str, tuple[str, Expectation]] | None:
        """What holds in an expectation's place, by stage, and because of what; None if that's wrong."""
        if not isinstance(written, dict) or not all(isinstance(entry, dict) for entry in written.values()):
            self.problems.add(
                path, "'instead' must be a mapping of stages, each with an expectation and 'because'"
            )
            return None
        others: dict[str, tuple[str, Expectation]] = {}
        for stage, entry in written.items():
            at = (*path, stage)
            there = self.problems.require(at, "stage", stage, self.stages)
            because = entry.get("because")
            if not isinstance(because, str):
                self.problems.add(at, "'because' must be text: why what is asked doesn't hold in this stage")
            expectation = self._expectation(entry, at, kinds, beside=("because",))
            if expectation is None or not isinstance(because, str) or not there:
                return None
            others[stage] = because, expectation
        return others

    def _source(self, path: KeyPath) -> str:
        """The lines of an entry, with their numbers."""
        mark = self.document.mark(path)
        numbered = [f"{n:4} | {self.lines[n - 1]}" for n in range(mark.line, mark.end_line + 1)]
        while numbered[-1].endswith("| "):
            numbered.pop()
        return "\n".join(numbered)

"""Parts become a document, one after another; and documents become one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.report.document.models import (
    Document,
    Expectation,
    Judgement,
    Problem,
    Run,
    Scenario,
    Stage,
    TraceStep,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.report.document.parts import Part

MADE_BY = f"mesh-migration-harness {__version__}"


@dataclass(eq=False)
class Collecting:
    """Takes the parts of a run, in whichever order they come."""

    _drafts: dict[str, Draft] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Takes a part."""
        self.versions.update(part.get("versions", {}))
        self._drafts.setdefault(part["file"], Draft(part["file"])).add(part)

    def scenarios(self) -> tuple[Scenario, ...]:
        """Returns the scenarios that there are parts of, by their files."""
        return tuple(self._drafts[file].scenario() for file in sorted(self._drafts))


@dataclass(eq=False)
class Draft:
    """A scenario of which not all may be there yet."""

    file: str
    outline: Part = field(default_factory=dict)
    stages: dict[int, Part] = field(default_factory=dict)
    verdicts: dict[tuple[int, str, str], Part] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    steps: dict[TraceStep, int] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Takes a part of it."""
        self.outline = part.get("outline") or self.outline
        self.stages.update({int(place): stage for place, stage in part.get("stages", {}).items()})
        self.notes.update(dict.fromkeys(part.get("notes", ())))
        verdict = part["verdict"]
        verdict["traces"] = [
            {"label": each["label"], "steps": list(map(self._place, each["steps"]))}
            for each in verdict.get("traces", ())
        ]
        self.verdicts[verdict["stage"], part["expectation"], part["kind"]] = verdict

    def _place(self, step: dict[str, Any]) -> int:
        return self.steps.setdefault(TraceStep.model_validate(step), len(self.steps))

    def scenario(self) -> Scenario:
        """Returns it; what has no verdict says so."""
        outlined = self.outline["stages"]
        written = {
            (index, check["name"], check["kind"]): {
                "stage": index,
                "result": Judgement.NOT_RUN,
                "where": check["where"],
                "source": check["source"],
            }
            for index, stage in enumerate(outlined)
            for check in stage["expectations"]
        }
        rows: dict[tuple[str, str], list[Verdict]] = {}
        for (_, name, kind), verdict in {**written, **self.verdicts}.items():
            rows.setdefault((name, kind), []).append(Verdict.model_validate(verdict))
        stages = [
            Stage.model_validate(
                {
                    "name": stage["name"],
                    "where": stage["where"],
                    "planned": stage["planned"],
                    **self.stages.get(index, {}),
                }
            )
            for index, stage in enumerate(outlined)
        ]
        return Scenario(
            file=self.file,
            name=self.outline["name"],
            about=self.outline["about"],
            stages=changed(stages),
            expectations=tuple(
                Expectation(name=name, kind=kind, verdicts=tuple(verdicts))
                for (name, kind), verdicts in rows.items()
            ),
            notes=tuple(self.notes),
            steps=tuple(self.steps),
        )


def changed(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Returns stages that say what is different from the stage before."""
    before: dict[tuple[str, str], tuple[str, ...]] = {}
    told = []
    for stage in stages:
        now = {(held.namespace, held.name): held.meshes for held in stage.workloads if not held.unknown}
        moved: dict[tuple[str, str], list[str]] = {}
        for key, meshes in now.items():
            if key in before and before[key] != meshes:
                was, is_ = (" and ".join(each) or "no mesh" for each in (before[key], meshes))
                moved.setdefault((key[0], f"{was} → {is_}"), []).append(key[1])
        told.append(
            stage.model_copy(
                update={
                    "changes": tuple(
                        f"{namespace}: {how}" + _of(names, namespace, now)
                        for (namespace, how), names in moved.items()
                    )
                }
            )
        )
        before = {**before, **now}
    return tuple(told)


def _of(names: list[str], namespace: str, now: dict[tuple[str, str], tuple[str, ...]]) -> str:
    """Which workloads of a namespace, if it isn't all of them."""
    total = sum(key[0] == namespace for key in now)
    return "" if len(names) == total else f" ({', '.join(sorted(names))})"


def document(
    run: Run,
    collected: Collecting,
    problems: Iterable[Problem] = (),
    warnings: Iterable[str] = (),
    not_run: Iterable[str] = (),
) -> Document:
    """Returns the document of one run."""
    return Document(
        made_by=MADE_BY,
        runs=(run.model_copy(update={"versions": {**run.versions, **collected.versions}}),),
        scenarios=collected.scenarios(),
        problems=tuple(problems),
        warnings=tuple(dict.fromkeys(warnings)),
        not_run=tuple(not_run),
    )

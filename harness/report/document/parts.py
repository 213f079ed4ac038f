"""What a process tells of the scenarios that it runs, as plain data: a worker sends it with its reports.

A part holds one verdict. The first one of a scenario brings its outline, and each brings the stages that were
come to since the one before. So what a worker sends doesn't grow with what it has sent.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.base import HarnessError
from harness.report import trace
from harness.report.document import calls
from harness.report.document.models import Bounds, Judgement, Second, Share, Timeline, TimelineStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.expectations import Explanation, Verdict
    from harness.run.chronicle import Held, Reached
    from harness.run.runner import Runner
    from harness.scenario import Check, Scenario, Stage
    from harness.traffic.statistics import Share as Seen
    from harness.traffic.trace import Step

Part = dict[str, Any]


@dataclass(eq=False)
class Teller:
    """Makes the parts of one process."""

    _outlined: dict[str, Scenario] = field(default_factory=dict)
    _stages: set[tuple[str, int]] = field(default_factory=set)

    def part(
        self,
        file: str,
        runner: Runner | None,
        scenario: Scenario,
        stage: Stage,
        check: Check,
        verdict: Verdict | None,
        result: str,
        seen: str,
    ) -> Part:
        """Returns the part of a verdict, or of why there is none; `runner` is None if there was none."""
        index = scenario.stages.index(stage)
        part: Part = {
            "file": file,
            "expectation": check.name,
            "kind": check.expectation.kind,
            "verdict": _verdict(index, check, verdict, result, seen),
        }
        if self._outlined.get(file) is not scenario:  # a test in Python adds stages to its own
            self._outlined[file] = scenario
            part["outline"] = _outline(scenario)
        part["stages"] = {}
        if runner is not None:
            part["notes"] = list(runner.warnings)
            for place, reached in runner.chronicle.stages.items():
                if (file, place) not in self._stages:
                    self._stages.add((file, place))
                    part["stages"][str(place)] = _reached(reached)
            if part["stages"]:
                with suppress(HarnessError):  # which versions they are is no verdict's matter
                    part["versions"] = dict(runner.provider.versions())
        return part


def _outline(scenario: Scenario) -> Part:
    """All that a scenario asks for, whether or not it is run."""
    return {
        "name": scenario.name,
        "about": scenario.about,
        "stages": [
            {
                "name": stage.name,
                "where": stage.where,
                "planned": list(map(str, stage.steps)),
                "expectations": [
                    {
                        "name": check.name,
                        "kind": check.expectation.kind,
                        "where": check.where,
                        "source": check.source,
                    }
                    for check in stage.checks
                ],
            }
            for stage in scenario.stages
        ],
    }


def _reached(stage: Reached) -> Part:
    return {
        "reached": not stage.error,
        "error": stage.error,
        "steps": [
            {"doing": step.doing, "seconds": round(step.seconds, 3), "error": step.error}
            for step in stage.steps
        ],
        "workloads": [_held(held) for held in stage.held],
    }


def _held(held: Held) -> Part:
    meshes = sorted({str(proxy.mesh) for pod in held.pods for proxy in pod.proxies})
    trouble = next((pod.trouble for pod in held.pods if pod.trouble), "")
    return {
        "namespace": held.workload.namespace,
        "name": held.workload.name,
        "meshes": meshes,
        "pods": len(held.pods),
        "trouble": trouble,
        "unknown": held.unknown,
    }


def _verdict(index: int, check: Check, verdict: Verdict | None, result: str, seen: str) -> Part:
    part: Part = {
        "stage": index,
        "result": Judgement(result).value,
        "where": check.where,
        "source": check.source,
        "because": check.because,
        "seen": seen,
    }
    if verdict is None:
        return part
    return {
        **part,
        "basis": str(verdict.basis),
        "expected": verdict.expected,
        "requests": verdict.n,
        "shares": _shares(verdict.shares),
        "moments": _shares(verdict.moments),
        "evidence": list(verdict.evidence),
        "predicted": verdict.predicted,
        "drift": verdict.drift,
        "traces": [_explanation(each) for each in verdict.explanations],
        "call": verdict.call and calls.call(verdict.call).model_dump(mode="json", exclude_defaults=True),
        "timeline": verdict.timeline and _timeline(verdict.timeline),
    }


def _shares(shares: Iterable[Seen]) -> list[Part]:
    return [
        Share(
            label=share.label,
            expected=share.expected,
            seen=share.seen,
            count=share.count,
            interval=Bounds(least=share.interval[0], most=share.interval[1]) if share.interval else None,
        ).model_dump(mode="json")
        for share in shares
    ]


def _explanation(explanation: Explanation) -> Part:
    return {"label": explanation.label, "steps": list(map(_step, explanation.trace))}


def _step(step: Step) -> Part:
    data = trace.data(step)
    place = data["place"]
    links = [{key: link[key] for key in ("group", "kind", "namespace", "name")} for link in data["links"]]
    return {
        "action": data["action"],
        "text": data["text"],
        "taken": data["taken"],
        "subject": data["resource"],
        "object": data["object"],
        "field": data["field"],
        "place": place and {key: place[key] for key in ("file", "line", "column")},
        "where": data["where"],
        "depth": data["depth"],
        "links": links,
    }


def _timeline(told: Mapping[str, Any]) -> Part:
    """A timeline of what `traffic.timeline.Timeline.as_json` tells."""
    timeline = Timeline(
        load=told["load"],
        began=told["began"],
        seconds=told["seconds"],
        steps=tuple(
            TimelineStep(
                doing=step["doing"],
                start=step["start"],
                end=step["end"],
                requests=step["requests"]["turns"],
                failed=step["requests"]["failed"],
                unknown=step["requests"]["unknown"],
                slowest=step["requests"]["slowest"],
            )
            for step in told["steps"]
        ),
        by_second=tuple(
            Second.model_validate({**second, "requests": second["turns"]}) for second in told["by_second"]
        ),
        failures=told["failed"],
        pods=tuple((pod["at"], pod["pod"], str(pod["phase"])) for pod in told["pods"]),
    )
    return timeline.model_dump(mode="json")

"""`refused_by_api`, `findings`, `equivalent`: what is judged on a configuration's objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from harness.expectations.base import Expectation, Reference
from harness.expectations.values import MeshName, Strict, Text, text_as
from harness.expectations.verdict import Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.translate import Finding
    from harness.base import Resource
    from harness.expectations.base import Ground

SeverityName = Literal["lost", "changed", "check", "repaired"]


class RefusedByApi(Expectation):
    """The config's `object` (`Kind namespace/name`; any if absent) is refused, with this message.

    Tried as a dry run on the server: nothing is applied.
    """

    kind: ClassVar[str] = "refused_by_api"

    config: str
    object_: str | None = Field(default=None, alias="object")
    message: Text | None = None

    def title(self) -> str:
        return f"refused by the API: {self.object_ or self.config}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("config",), config=self.config)
        if self.object_ is not None:
            yield Reference(("object",), object_of=(self.config, self.object_))

    def judge(self, ground: Ground) -> Verdict:
        config = ground.configs[self.config]
        words = {
            str(resource): ground.provider.refusal(resource)
            for resource in config
            if self.object_ in (None, str(resource))
        }
        refused = {name: message for name, message in words.items() if message is not None}
        fits = any(self.message is None or self.message.holds(message) for message in refused.values())
        return Verdict(
            result=Result.PASS if fits else Result.FAIL,
            basis=ground.provider.basis,
            expected="refused" + (f": {self.message}" if self.message else ""),
            seen="; ".join(f"{name}: {message}" for name, message in refused.items())
            or f"accepted: {', '.join(words)}",
        )


class Sought(Strict):
    """A finding as a scenario writes it: by its topic, and what else is said of it."""

    topic: str
    severity: SeverityName | None = None
    resource: str | None = None
    field: str | None = None

    def fits(self, finding: Finding) -> bool:
        """Returns whether it is this finding."""
        return all(getattr(finding, name) == getattr(self, name) for name in self.model_fields_set)

    def __str__(self) -> str:
        severity = f"{self.severity} " if self.severity else ""
        return " ".join(filter(None, [f"{severity}[{self.topic}]", self.resource, self.field]))


SoughtList = list[Annotated[Sought, text_as(lambda topic: {"topic": topic}, str | Sought)]]
"""What findings are sought; a plain string is a topic."""


class Findings(Expectation):
    """A translated config's findings include those listed, or are exactly those, as last translated.

    With `severity` only findings of that severity are looked at. Those on injection needn't be listed: the
    stages say which mesh holds a namespace. It is judged on the objects, so it is the
    same on every ground.
    """

    kind: ClassVar[str] = "findings"

    config: str
    include: Annotated[SoughtList | None, Field(min_length=1)] = None
    exactly: SoughtList | None = None
    severity: SeverityName | None = None

    def faults(self) -> Iterator[str]:
        if (self.include is None) is (self.exactly is None):
            yield "say one of include and exactly"

    def title(self) -> str:
        return f"findings of {self.config}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("config",), config=self.config, translated=True)

    def judge(self, ground: Ground) -> Verdict:
        translation = ground.translations[self.config]
        findings = [finding for finding in translation.findings if self.severity in (None, finding.severity)]
        listed = self.include or self.exactly or []
        missing = [sought for sought in listed if not any(map(sought.fits, findings))]
        beyond = [finding for finding in findings if not any(sought.fits(finding) for sought in listed)]
        if self.exactly is None:
            beyond = []
        beyond = [finding for finding in beyond if finding.topic != "injection"]
        result = Result.FAIL if missing or beyond else Result.PASS
        evidence = [
            *(f"not found: {sought}" for sought in missing),
            *(f"not expected: {finding}" for finding in beyond),
        ]
        if not (translation.translated or translation.patches or translation.findings):
            result, evidence = Result.INCONCLUSIVE, ["nothing was translated, so nothing could be found"]
        return Verdict(
            result=result,
            basis=Basis.PREDICTED,
            expected=", ".join(map(str, listed)) or f"no finding {self.severity or ''}".rstrip(),
            seen=", ".join(dict.fromkeys(map(_named, findings))) or "no finding",
            evidence=tuple(evidence),
        )


def _named(finding: Finding) -> str:
    return f"{finding.severity} [{finding.topic}] {finding.resource}"


ConfigNames = Annotated[list[str], Field(min_length=1), text_as(lambda name: [name], str | list[str])]


class Equivalent(Expectation):
    """The model answers every class of requests alike, with the configs `before` and with those `after`.

    The apps are there with both. Differences that `allow` names (`namespace/service[:part]`, as for
    `harness compare`) are accepted, and what the meshes themselves do differently (`*:mesh` there). What
    can't be compared makes it inconclusive. It is judged on the objects, so it is the same on every
    ground.
    """

    kind: ClassVar[str] = "equivalent"

    before: ConfigNames
    after: ConfigNames
    mesh_before: MeshName | None = None
    mesh_after: MeshName | None = None
    allow: list[str] = Field(default_factory=list)

    def title(self) -> str:
        return f"{', '.join(self.after)} is equivalent to {', '.join(self.before)}"

    def references(self) -> Iterator[Reference]:
        for key in ("before", "after"):
            for config in getattr(self, key):
                yield Reference((key,), config=config)

    def judge(self, ground: Ground) -> Verdict:
        from harness.analysis.compare import compare  # most scenarios compare nothing
        from harness.analysis.compare.causes import MESH, allowed
        from harness.analysis.compare.configurations import state_of

        before = state_of(_objects(ground, self.before), self.mesh_before)
        after = state_of(_objects(ground, self.after), self.mesh_after)
        comparison = compare(before, after)
        accepting = [*self.allow, f"*:{MESH}"]
        unlike = [difference for difference in comparison.differences if not allowed(difference, accepting)]
        evidence = list(map(str, unlike))
        if not comparison.classes:
            evidence.append("nothing was compared: no Service that both have is called")
        unknown = not comparison.classes or all("undecided" in difference.parts for difference in unlike)
        accepted = len(comparison.differences) - len(unlike)
        return Verdict(
            result=Result.PASS
            if comparison.classes and not unlike
            else Result.INCONCLUSIVE
            if unknown
            else Result.FAIL,
            basis=Basis.PREDICTED,
            expected="the same answers to every request"
            + (f", but for {', '.join(self.allow)}" if self.allow else ""),
            seen=f"{comparison.classes} classes of requests decided, differences: {len(unlike)}"
            + (f", {accepted} accepted" if accepted else ""),
            evidence=tuple(evidence),
        )


def _objects(ground: Ground, configs: list[str]) -> list[Resource]:
    """The apps' objects with these configs applied to them, and the patches that come with translations."""
    from harness.model.state import namespace_object

    objects = {resource.key: resource for resource in ground.apps}
    for config in configs:
        objects |= {resource.key: resource for resource in ground.configs[config]}
        translation = ground.translations.get(config)
        for patch in translation.patches if translation else ():
            target = next((resource for resource in objects.values() if patch.target.names(resource)), None)
            if target is None and patch.target.kind == "Namespace":  # it needs no manifest
                target = namespace_object(patch.target.name)
            if target is not None:
                objects[target.key] = replace(target, data=patch.patched(target.data))
    return list(objects.values())

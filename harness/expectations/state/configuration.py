"""`refused_by_api`, `findings`, `equivalent`: what is judged on a configuration's objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.expectations.base import Expectation, Reference
from harness.expectations.values import MeshName, Strict, Text
from harness.expectations.verdict import Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.translate import Finding
    from harness.base.resources import Resource
    from harness.expectations.base import Ground


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
        refused = {name: said for name, said in words.items() if said is not None}
        fits = any(self.message is None or self.message.holds(said) for said in refused.values())
        return Verdict(
            result=Result.PASS if fits else Result.FAIL,
            basis=ground.provider.basis,
            expected="refused" + (f": {self.message}" if self.message else ""),
            seen="; ".join(f"{name}: {said}" for name, said in refused.items())
            or f"accepted: {', '.join(words)}",
        )


SeverityName = Literal["lost", "changed", "check", "repaired"]


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


def _sought(value: object) -> object:
    return (
        [{"topic": one} if isinstance(one, str) else one for one in value]
        if isinstance(value, list)
        else value
    )


SoughtList = Annotated[list[Sought], BeforeValidator(_sought, json_schema_input_type=list[str | Sought])]


class Findings(Expectation):
    """A translated config's findings include those listed, or are exactly those, as last translated.

    With `severity` only findings of that severity are looked at. It is judged on the objects, so it is the
    same on every ground.
    """

    kind: ClassVar[str] = "findings"

    config: str
    include: Annotated[SoughtList | None, Field(min_length=1)] = None
    exactly: SoughtList | None = None
    severity: SeverityName | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.include is None) is (self.exactly is None):
            raise ValueError("say one of include and exactly")
        return self

    def title(self) -> str:
        return f"findings of {self.config}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("config",), config=self.config, translated=True)

    def judge(self, ground: Ground) -> Verdict:
        translation = ground.translations[self.config]
        found = [one for one in translation.findings if self.severity in (None, one.severity)]
        listed = self.include or self.exactly or []
        missing = [one for one in listed if not any(map(one.fits, found))]
        beyond = [one for one in found if not any(sought.fits(one) for sought in listed)]
        if self.exactly is None:
            beyond = []
        result = Result.FAIL if missing or beyond else Result.PASS
        evidence = [*(f"not found: {one}" for one in missing), *(f"not expected: {one}" for one in beyond)]
        if not (translation.translated or translation.patches or translation.findings):
            result, evidence = Result.INCONCLUSIVE, ["nothing was translated, so nothing could be found"]
        return Verdict(
            result=result,
            basis=Basis.PREDICTED,
            expected=", ".join(map(str, listed)) or f"no finding {self.severity or ''}".rstrip(),
            seen=", ".join(dict.fromkeys(map(_named, found))) or "no finding",
            evidence=tuple(evidence),
        )


def _named(finding: Finding) -> str:
    return f"{finding.severity} [{finding.topic}] {finding.resource}"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


ConfigNames = Annotated[
    list[str], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


class Equivalent(Expectation):
    """The model answers every class of requests alike, with the configs `before` and with those `after`.

    The apps are there with both. Differences that `allow` names (`namespace/service[:part]`, as for
    `harness compare`) are accepted. What can't be compared makes it inconclusive. It is judged on the
    objects, so it is the same on every ground.
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
        from harness.analysis.compare.comparison import OTHER_HOSTS
        from harness.analysis.compare.configurations import allowed, state_of

        before = state_of(_objects(ground, self.before), self.mesh_before)
        after = state_of(_objects(ground, self.after), self.mesh_after)
        found = compare(before, after)
        unlike = [one for one in found.differences if not allowed(one, self.allow)]
        told = [*map(str, unlike), *(f"left out: {one}" for one in found.left_out)]
        if not found.classes:
            told.append("nothing was compared: no Service that both have is called")
        unknown = not found.classes or set(found.left_out) - {OTHER_HOSTS}
        accepted = len(found.differences) - len(unlike)
        return Verdict(
            result=Result.FAIL if unlike else Result.INCONCLUSIVE if unknown else Result.PASS,
            basis=Basis.PREDICTED,
            expected="the same answers to every request"
            + (f", but for {', '.join(self.allow)}" if self.allow else ""),
            seen=f"{found.classes} classes of requests decided, differences: {len(unlike)}"
            + (f", {accepted} accepted" if accepted else ""),
            evidence=tuple(told),
        )


def _objects(ground: Ground, configs: list[str]) -> list[Resource]:
    """The apps' objects with these configs applied to them, and the patches that come with translations."""
    from harness.model.state.stored import namespace_object

    found = {one.key: one for one in ground.apps}
    for config in configs:
        found |= {one.key: one for one in ground.configs[config]}
        translation = ground.translations.get(config)
        for patch in translation.patches if translation else ():
            target = next((one for one in found.values() if patch.target.names(one)), None)
            if target is None and patch.target.kind == "Namespace":  # it needs no manifest
                target = namespace_object(patch.target.name)
            if target is not None:
                found[target.key] = replace(target, data=patch.patched(target.data))
    return list(found.values())

"""`equivalent`: two configurations give the same answers to every request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from harness.expectations.base import Expectation, Ground, MeshName, Reference
from harness.expectations.verdict import Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource


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

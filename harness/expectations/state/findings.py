"""`findings`: what a translation couldn't carry over as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from harness.expectations.base import Expectation, Ground, Reference, Strict
from harness.expectations.verdict import Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.translate import Finding

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
    def _one(self) -> Findings:
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

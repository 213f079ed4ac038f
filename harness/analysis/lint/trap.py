"""A known trap in a configuration: a rule's sign in words, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.lint.rule import PARTS
from harness.analysis.texts import place

if TYPE_CHECKING:
    from harness.analysis.lint.rule import Rule, Severity, Sign
    from harness.base.places import Position
    from harness.base.resources import Resource


@dataclass(frozen=True)
class Trap:
    """What a rule says of a field: `what` is seen, `why` it hurts, and how to `fix` it.

    `severity` is the rule's, or what the settings make of it; `baselined` tells that the baseline has it.
    """

    rule: Rule
    severity: Severity
    resource: Resource
    field: str
    what: str
    why: str
    fix: str
    where: Position
    baselined: bool = False

    @classmethod
    def of(cls, rule: Rule, severity: Severity, sign: Sign) -> Trap:
        """Returns a sign in the words of its rule."""
        resource, field = place(sign.at, sign.field)
        words = rule.words[sign.case]
        what, why, fix = (words[part].format(**sign.facts) for part in PARTS)
        return cls(rule, severity, resource, field, what, why, fix, resource.place(field).position)

    @property
    def summary(self) -> str:
        """The object and what is seen there, without its place: what a baseline knows it by."""
        return f"{self.resource}: {self.what}"

    def __str__(self) -> str:
        head = f"{self.where}: " if str(self.where) else ""
        head = f"{head}{self.severity}: {self.resource} {self.field}".rstrip()
        return f"{head}: {self.what} [{self.rule.id}]\n  why: {self.why}\n  do:  {self.fix}"

"""What a translation couldn't carry over as it was: findings, whose words are in findings.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from harness.analysis.texts import beside, place

if TYPE_CHECKING:
    from harness.api.node import Node
    from harness.base.resources import Resource


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    LOST = "lost"
    """Nothing in the translation does this."""
    CHANGED = "changed"
    """Something does it, but differently."""
    CHECK = "check"
    """It holds under an assumption that only the user can check."""
    REPAIRED = "repaired"
    """Another tool's fault was put right."""


@dataclass(frozen=True)
class Finding:
    """A field that the translation lost, changed, or translated under an assumption.

    `topic` is a stable short name (`fault-injection`); `why` says what differs, `todo` what to do instead.
    `rule` is the name of the rule that the field is, if it has one.
    """

    severity: Severity
    topic: str
    origin: Resource
    field: str
    why: str
    todo: str
    rule: str = ""

    @classmethod
    def of(
        cls, code: str, at: Node | Resource, field: str = "", *, rule: str = "", **facts: object
    ) -> Finding:
        """Returns what a code says of a reading's field (none: of all of it), or of an object's path."""
        severity, why, todo = _texts()[code]
        topic = code.partition(".")[0]
        return cls(severity, topic, *place(at, field), why.format(**facts), todo.format(**facts), rule)

    @property
    def subject(self) -> str:
        """The field, with the name of its rule."""
        return f"{self.field} ({self.rule})" if self.rule else self.field

    @property
    def resource(self) -> str:
        """The object's kind, namespace and name."""
        return str(self.origin)

    @property
    def where(self) -> str:
        """The field's place, empty without a file."""
        return str(self.origin.place(self.field))

    def __str__(self) -> str:
        head = f"{self.where}: " if self.where else ""
        lines = [f"{head}{self.severity} [{self.topic}] {self.resource} {self.subject}".rstrip()]
        lines.append(f"  why: {self.why}")
        if self.todo:
            lines.append(f"  do:  {self.todo}")
        return "\n".join(lines)


@cache
def _texts() -> dict[str, tuple[Severity, str, str]]:
    """How bad what a code says is, why, and what to do instead."""
    return {
        code: (severity, texts["why"], texts.get("todo", ""))
        for severity in Severity
        for code, texts in beside(__file__, "findings.yaml")[severity].items()
    }

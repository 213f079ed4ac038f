"""What a translation couldn't carry over as it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        cls,
        severity: Severity,
        topic: str,
        resource: Resource,
        field: str,
        why: str,
        todo: str = "",
        *,
        rule: str = "",
    ) -> Finding:
        """Returns a finding about a field of an object."""
        return cls(severity, topic, resource, field, why, todo, rule)

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
        where = self.where
        head = f"{where}: " if where else ""
        lines = [f"{head}{self.severity} [{self.topic}] {self.resource} {self.subject}".rstrip()]
        lines.append(f"  why: {self.why}")
        if self.todo:
            lines.append(f"  do:  {self.todo}")
        return "\n".join(lines)

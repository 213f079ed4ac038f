"""What a translation couldn't carry over as it was: findings, whose words are in findings.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.texts import beside, place
from harness.base.places import Position
from harness.traffic.trace import Action

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

    `code` is its stable name (`retries.timeout`), `topic` what several codes are about (`retries`); `why`
    says what differs, `todo` what to do instead. `rule` is the name of the rule that the field is, if it has
    one. One without `origin` is about the estate as a whole.
    """

    severity: Severity
    code: str
    origin: Resource | None
    field: str
    why: str
    todo: str
    rule: str = ""

    @classmethod
    def of(
        cls, code: str, at: Node | Resource, field: str = "", *, rule: str = "", **facts: object
    ) -> Finding:
        """Returns what a code says of a reading's field (none: of all of it), or of an object's path."""
        meaning = _meanings()[code]
        origin, path = place(at, field)
        why, todo = meaning.why.format(**facts), meaning.todo.format(**facts)
        return cls(meaning.severity, code, origin, path, why, todo, rule)

    @classmethod
    def of_all(cls, code: str) -> Finding:
        """Returns what a code says of an estate as a whole."""
        meaning = _meanings()[code]
        return cls(meaning.severity, code, None, "", meaning.why, meaning.todo)

    @property
    def shows(self) -> frozenset[str]:
        """The parts of an answer that it can make another (`any` for all), empty if none can show it."""
        return _meanings()[self.code].shows

    @property
    def harm(self) -> frozenset[str]:
        """What it can do to those who call (see compare), `tcp:…` to bare connections; empty: anything."""
        return _meanings()[self.code].harm

    @property
    def by(self) -> frozenset[Action]:
        """What its field does, where a trace tells that of the rule around it; else empty."""
        return _meanings()[self.code].by

    @property
    def amend(self) -> str:
        """What of the estate goes with it; empty if its loss can't be said by taking something away."""
        return _meanings()[self.code].amend

    @property
    def is_unknown(self) -> bool:
        """Whether manifests are missing that it takes to decide."""
        return _meanings()[self.code].unknown

    @property
    def unseen(self) -> str:
        """Why it may be that no request shows it; empty if one must."""
        return _meanings()[self.code].unseen

    @property
    def topic(self) -> str:
        """What it is about."""
        return self.code.partition(".")[0]

    @property
    def subject(self) -> str:
        """The field, with the name of its rule."""
        return f"{self.field} ({self.rule})" if self.rule else self.field

    @property
    def resource(self) -> str:
        """The object's kind, namespace and name."""
        return str(self.origin or "the whole estate")

    @property
    def where(self) -> str:
        """The field's place, empty without a file."""
        return str(self.position)

    @property
    def position(self) -> Position:
        """Where the field stands, as far as that is known."""
        return self.origin.place(self.field).position if self.origin else Position()

    def __str__(self) -> str:
        head = f"{self.where}: " if self.where else ""
        lines = [f"{head}{self.severity} [{self.topic}] {self.resource} {self.subject}".rstrip()]
        lines.append(f"  why: {self.why}")
        if self.todo:
            lines.append(f"  do:  {self.todo}")
        return "\n".join(lines)


def at_gateways(code: str) -> str:
    """Returns the code that says the same of Istio's gateways, itself if it is said alike of both."""
    own = f"{code}.gateway"
    return own if own in _meanings() else code


def words(code: str) -> tuple[str, str]:
    """Returns why a code is said, and what to do; facts of the object stand in braces."""
    meaning = _meanings()[code]
    return meaning.why, meaning.todo


class _Meaning(NamedTuple):
    """What a code says: how bad it is, why, what to do instead, and what of it requests show."""

    severity: Severity
    why: str
    todo: str
    shows: frozenset[str]
    unseen: str
    by: frozenset[Action]
    unknown: bool
    amend: str
    harm: frozenset[str]


@cache
def _meanings() -> dict[str, _Meaning]:
    """What findings.yaml says of each code.

    What is only to be checked makes no answer another, unless its text says so.
    """
    meanings = {}
    for severity in Severity:
        usual = "any" if severity in (Severity.LOST, Severity.CHANGED) else ""
        for code, texts in beside(__file__, "findings.yaml")[severity].items():
            shows = frozenset(texts.get("shows", usual).split())
            words = (texts["why"], texts.get("todo", ""))
            by = frozenset(map(Action, texts.get("by", "").split()))
            unseen, unknown = texts.get("unseen", ""), texts.get("unknown", False)
            amend, harm = texts.get("amend", ""), frozenset(texts.get("harm", "").split())
            meanings[code] = _Meaning(severity, *words, shows, unseen, by, unknown, amend, harm)
    return meanings

"""A known trap in a configuration, and the table of the rules that find them; rules.yaml has their words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.texts import beside, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.api.node import Node
    from harness.base.places import Position
    from harness.base.resources import Resource
    from harness.model import State


@dataclass(frozen=True)
class Symptom:
    """What a rule says of one field: `what` is seen, `why` it hurts, and how to `fix` it."""

    resource: Resource
    field: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True)
class Trap:
    """A finding with the name of its rule and the place (empty without a file)."""

    rule: str
    where: Position
    finding: Symptom

    def __str__(self) -> str:
        symptom, position = self.finding, str(self.where)
        head = f"{position}: " if position else ""
        head = f"{head}{symptom.resource} {symptom.field}".rstrip()
        return f"{head}: {symptom.what} [{self.rule}]\n  why: {symptom.why}\n  do:  {symptom.fix}"


class Sign(NamedTuple):
    """What a rule sees: a reading's field (none: all of it) or an object's path, and facts for its words."""

    at: Node | Resource
    field: str
    case: str
    facts: dict[str, object]


def seen(at: Node | Resource, field: str = "", *, case: str = "", **facts: object) -> Sign:
    """Returns a sign; `case` tells cases of one rule apart."""
    return Sign(at, field, case, facts)


RULES: dict[str, Callable[[State], Iterator[Symptom]]] = {}
"""Every rule by its name, in the order in which they are asked."""


def rule(check: Callable[[State], Iterator[Sign]]) -> Callable[[State], Iterator[Symptom]]:
    """Enters a rule in the table, named after its function; its docstring is its documentation."""
    name = check.__name__.replace("_", "-")

    @wraps(check)
    def symptoms(state: State) -> Iterator[Symptom]:
        for at, field, case, facts in check(state):
            words = beside(__file__, "rules.yaml")[f"{name}.{case}" if case else name]
            texts = (words[part].format(**facts) for part in ("what", "why", "fix"))
            yield Symptom(*place(at, field), *texts)

    RULES[name] = symptoms
    return symptoms

"""A known trap in a configuration, and the table of the rules that find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        found = self.finding
        place = str(self.where)
        head = f"{place}: " if place else ""
        head = f"{head}{found.resource} {found.field}".rstrip()
        return f"{head}: {found.what} [{self.rule}]\n  why: {found.why}\n  do:  {found.fix}"


RULES: dict[str, Callable[[State], Iterator[Symptom]]] = {}
"""Every rule by its name, in the order in which they are asked."""


def rule(check: Callable[[State], Iterator[Symptom]]) -> Callable[[State], Iterator[Symptom]]:
    """Enters a rule in the table, named after its function; its docstring is its documentation."""
    RULES[check.__name__.replace("_", "-")] = check
    return check

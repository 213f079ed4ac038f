"""Conditions of an AuthorizationPolicy of Istio's, as sums of products: each product is a rule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST = 100
"""Rules for a port, beyond which it is closed instead: nobody could read them."""

_SOURCE = ("principals", "notPrincipals", "ipBlocks", "notIpBlocks")
_OPERATION = ("paths", "notPaths", "methods", "notMethods", "ports", "notPorts")
_ONE = ("paths", "methods", "ipBlocks", "principals")
"""Lists of which one entry is enough: two of them can't both be wanted."""


class Unsayable(ValueError):  # noqa: N818
    """What no AuthorizationPolicy of Istio's can say; its words say why."""


@dataclass(frozen=True)
class Literal:
    """One condition: a field of a rule (a header's: its name, and perhaps `not `), and its values."""

    field: str
    values: tuple[str, ...]

    @property
    def negated(self) -> Literal:
        """What holds where it doesn't."""
        if self.field.startswith("not"):
            bare = self.field.removeprefix("not")
            return Literal(bare.strip() if bare[0] == " " else bare[0].lower() + bare[1:], self.values)
        header = self.field.startswith("request.")
        name = f"not {self.field}" if header else f"not{self.field[0].upper()}{self.field[1:]}"
        return Literal(name, self.values)


Product = tuple[Literal, ...]


def negated(conditions: Product) -> tuple[Product, ...]:
    """Returns where not all conditions hold."""
    return tuple((literal.negated,) for literal in conditions)


def both(parts: Iterable[Sequence[Product]]) -> tuple[Product, ...]:
    """Returns where each part holds in one of its products; raises Unsayable for too many."""
    combined: tuple[Product, ...] = ((),)
    for part in parts:
        merged = ((*one, *other) for one, other in product(combined, part))
        combined = tuple(dict.fromkeys(tuple(dict.fromkeys(each)) for each in merged if _can_hold(each)))
        if len(combined) > MOST:
            raise Unsayable(f"it takes more than {MOST} rules")
    return combined


def _can_hold(conditions: Product) -> bool:
    wanted = {literal.field: set(literal.values) for literal in conditions}
    for literal in conditions:
        if (
            literal.field in _ONE
            and literal.field != "ipBlocks"
            and wanted[literal.field] != set(literal.values)
        ):
            return False
        refused = set(literal.negated.values) if literal.field.startswith("not") else set()
        asked = wanted.get(literal.negated.field)
        if refused and asked is not None and asked <= refused:
            return False
    return True


def rule(conditions: Product) -> dict[str, Any]:
    """Returns a rule of an AuthorizationPolicy for a product; raises Unsayable if it can't be written."""
    for name in _ONE:
        if len({literal.values for literal in conditions if literal.field == name}) > 1:
            raise Unsayable(f"two {name} would both have to hold")
    source, operation = _lists(conditions, _SOURCE), _lists(conditions, _OPERATION)
    when = [
        {"key": literal.field.removeprefix("not "), _values(literal): list(literal.values)}
        for literal in conditions
        if "request." in literal.field
    ]
    parts: dict[str, Any] = {}
    parts |= {"from": [{"source": source}]} if source else {}
    parts |= {"to": [{"operation": operation}]} if operation else {}
    return parts | ({"when": when} if when else {})


def _values(literal: Literal) -> str:
    return "notValues" if literal.field.startswith("not ") else "values"


def _lists(conditions: Product, names: tuple[str, ...]) -> dict[str, list[str]]:
    lists = {}
    for name in names:
        values = chain.from_iterable(literal.values for literal in conditions if literal.field == name)
        if merged := list(dict.fromkeys(values)):
            lists[name] = merged
    return lists

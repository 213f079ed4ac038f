"""Which labels an object wants of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.node import Node
from harness.base import explored

if TYPE_CHECKING:
    from collections.abc import Mapping


def selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Returns whether the labels have all wanted ones; nothing wanted selects everything."""
    return not wanted or explored.of(_has, wanted, labels)


def _has(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


class Requirement(Node):
    """What a selector's expression wants of one label."""

    key = field.text("key")
    operator = field.text("operator")
    values = field.texts("values")

    def met(self, labels: Mapping[str, str]) -> bool:
        """Returns whether the labels are as it wants."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


class LabelSelector(Node):
    """A LabelSelector: an empty one selects everything."""

    match_labels = field.labels("matchLabels")
    match_expressions = field.nodes("matchExpressions", Requirement)

    @property
    def is_empty(self) -> bool:
        """Whether it wants nothing."""
        return not (self.match_labels or self.match_expressions)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Returns whether labels have all that is wanted."""
        return selects(self.match_labels, labels) and all(part.met(labels) for part in self.match_expressions)

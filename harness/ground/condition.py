"""What is waited for: something that must come true of an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api.route import RouteStatus
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import ConditionedStatus

if TYPE_CHECKING:
    from harness.base import ObjectName

MISSING = object()


@dataclass(frozen=True)
class Condition:
    """Of `target`: a status condition, or a field, has a value; or it is gone (`absent`).

    `field` is a dotted path (`status.readyReplicas`, `spec.ports.0.port`), its `value` None if any will
    do. With none of them the object must be there. `seconds` is the time for it, None the provider's own.
    """

    target: ObjectName
    condition: str = ""
    status: str = "True"
    field: str = ""
    value: Any = None
    absent: bool = False
    seconds: float | None = None

    @property
    def of_status(self) -> bool:
        """Whether it is about what controllers report, not about what somebody applied."""
        return bool(self.condition) or self.field.partition(".")[0] == "status"

    def unmet(self, data: dict[str, Any] | None) -> str | None:
        """Returns what isn't so yet of an object's data (None: there is no such object), None if all is."""
        if data is None:
            return None if self.absent else "it isn't there"
        if self.absent:
            return "it is still there"
        if self.condition:
            return self._condition(data)
        if not self.field:
            return None
        value = _at(data, self.field)
        if value is MISSING:
            return f"it has no {self.field}"
        return None if self.value in (None, value) else f"{self.field} is {value!r}"

    def _condition(self, data: dict[str, Any]) -> str | None:
        generation = Metadata.live(data).generation or 0
        own = ConditionedStatus.live(data).conditions
        of_parents = (each for parent in RouteStatus.live(data).parents for each in parent.conditions)
        for condition in (*own, *of_parents):
            if condition.type != self.condition:
                continue
            if (condition.generation or generation) < generation:
                return f"{self.condition} is of an earlier generation"
            if condition.status == self.status:
                return None
            words = f"{self.condition} is {condition.status}"
            return f"{words}: {condition.message}" if condition.message else words
        return f"its status has no condition {self.condition}"

    def __str__(self) -> str:
        if self.absent:
            return f"{self.target} is gone"
        if self.condition:
            return f"{self.target} is {self.condition}{'' if self.status == 'True' else f'={self.status}'}"
        if not self.field:
            return f"{self.target} is there"
        return f"{self.target} has {self.field}{'' if self.value is None else f': {self.value}'}"


def _at(data: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return MISSING
    return data

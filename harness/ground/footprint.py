"""What a scenario has touched on a cluster, for it to be taken away again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Footprint:
    """Namespaces: which were made, which hold objects of the scenario, which were placed under a mesh."""

    made: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)

    def memory(self) -> dict[str, Any]:
        """Returns it as plain data."""
        return {"made": sorted(self.made), "used": sorted(self.used), "placed": sorted(self.placed)}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Adds another's, from its `memory`."""
        self.made |= set(memory.get("made", ()))
        self.used |= set(memory.get("used", ()))
        self.placed |= set(memory.get("placed", ()))

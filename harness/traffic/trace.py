"""The chain of resources and fields that decided a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload

Arrivals = tuple[tuple["Workload", "Fraction"], ...]
"""How many requests arrive at workloads' applications, on average."""

UNSPECIFIED = "isn't specified"
"""What the text of a reason holds where the shares that it leads to are left open by the meshes."""


@dataclass(frozen=True)
class Reason:
    """One link of a trace.

    `resource` names an object as `Kind namespace/name` (empty where a built-in rule
    decides), `field` the path inside it (`spec.http[0].route[1].weight`), `text` what it
    did to the request. `lost` marks an alternative that was looked at and not taken;
    `where` is the object's file:line, if it was read from a file. `depth` counts the applications in
    between: it is 0 for the request itself, 1 for those that its answer needs. `arrivals` are the requests
    that applications get by this step; None where their number depends on timing, or isn't known.
    """

    text: str
    resource: str = ""
    field: str = ""
    where: str = ""
    lost: bool = False
    depth: int = 0
    arrivals: Arrivals | None = ()

    def __str__(self) -> str:
        place = " ".join(part for part in (self.resource, self.field) if part)
        source = f" ({self.where})" if self.where else ""
        mark = "not taken: " if self.lost else ""
        return f"{mark}{place}: {self.text}{source}" if place else f"{mark}{self.text}"


Trace = tuple[Reason, ...]


def reason(resource: Resource, field: str, text: str, *, lost: bool = False) -> Reason:
    """Returns a link of a trace that names this object and field."""
    return Reason(text, str(resource), field, resource.where, lost)

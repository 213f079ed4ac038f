"""`scale`: how many pods a Deployment has from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness import ObjectName, Patch, WrittenStep

if TYPE_CHECKING:
    from harness import Site


class Scale(WrittenStep):
    """Gives a Deployment so many replicas.

    As a stage writes it::

        do: [{scale: {deployment: shop/web, replicas: 3}}]
    """

    kind: ClassVar[str] = "scale"

    deployment: str
    replicas: int = Field(ge=0)

    def perform(self, site: Site) -> None:
        target = ObjectName.parse(f"Deployment {self.deployment}")
        site.provider.patch(Patch(target, {"spec": {"replicas": self.replicas}}))

    def __str__(self) -> str:
        return f"scale {self.deployment} to {self.replicas}"

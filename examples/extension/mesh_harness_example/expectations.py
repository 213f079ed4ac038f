"""`served_by`: which workloads answer, whatever their shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness import Probing

if TYPE_CHECKING:
    from harness import Outcome

RIGHT = "one of these workloads"


class ServedBy(Probing):
    """Each answer comes from one of these workloads.

    As a scenario writes it::

        served_by: {from: clients/curl, to: http://web.shop/, workloads: [shop/web, shop/web-v2]}
    """

    kind: ClassVar[str] = "served_by"

    workloads: list[str] = Field(min_length=1)

    @property
    def label(self) -> str:
        return RIGHT

    def class_of(self, outcome: Outcome) -> str:
        if outcome.backend is None:
            return str(outcome)  # a proxy's answer, or none at all
        return RIGHT if str(outcome.backend) in self.workloads else f"from {outcome.backend}"

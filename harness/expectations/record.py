"""What an expectation tells of what it saw, so that it can be written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base import ObjectName
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.traffic.status import Status


class Record(Protocol):
    """What observations are told to."""

    def sample(self, request: Request, outcomes: Outcomes) -> None:
        """Takes a sample that counts."""

    def status(self, of: ObjectName, reports: Sequence[Status]) -> None:
        """Takes what is reported of an object."""

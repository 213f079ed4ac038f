"""`allow` and `deny`: who may call whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.expectations.base import Probing
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.base import Ground

RBAC_DENIED = "RBAC: access denied"
GRPC_PERMISSION_DENIED = 7


def denied(outcome: Outcome) -> bool:
    """Returns whether a mesh refused the request, as each of them shows it.

    Istio: 403 with its own words, a reset for plaintext under STRICT; gRPC PermissionDenied.
    Linkerd: 403 with an empty body, 502 by a Linkerd client whose connection Istio refused.
    A 403 of the application's own isn't a mesh's denial.
    """
    if outcome.failure is not None:
        return outcome.failure in (Failure.TLS, Failure.RESET, Failure.EMPTY_REPLY)
    if outcome.grpc_status is not None:
        return outcome.grpc_status == GRPC_PERMISSION_DENIED
    if outcome.status == 403:
        return outcome.backend is None and outcome.body in (RBAC_DENIED, "", None)
    return outcome.status == 502 and outcome.header("l5d-proxy-error") is not None


class Allow(Probing):
    """The request is answered by the application: with `status`, or with any below 400."""

    kind: ClassVar[str] = "allow"
    label: ClassVar[str] = "allowed"

    status: int | None = None

    def class_of(self, outcome: Outcome) -> str:
        if outcome.status is None or outcome.grpc_status:
            return str(outcome)
        right = outcome.status == self.status if self.status else outcome.status < 400
        return "allowed" if right else f"denied ({outcome})" if denied(outcome) else str(outcome)


class Deny(Probing):
    """A mesh refuses the request: with `status` where one is given, else as that mesh does.

    Denied counts only beside a positive control: that the application would have answered.
    """

    kind: ClassVar[str] = "deny"
    label: ClassVar[str] = "denied"

    status: int | None = None

    def classify(self, outcome: Outcome) -> str:
        own = outcome.status == self.status and outcome.backend is None
        right = denied(outcome) if self.status is None else own
        return "denied" if right else str(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        yield ground.provider.control(self.request(ground))

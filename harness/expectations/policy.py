"""`allow`, `deny`, `mtls`, `egress`: who may talk to whom, and how that is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from harness.api.kubernetes.service import services_of
from harness.base import HarnessError, InputError, Workload
from harness.expectations.base import WARM_UP, Probing
from harness.expectations.traffic.connection import timed_out
from harness.expectations.values import MeshName, Url, text_as
from harness.expectations.verdict import UNKNOWN
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.expectations.base import Ground

RBAC_DENIED = "RBAC: access denied"
GRPC_PERMISSION_DENIED = 7

LET_OUT, HELD_BACK = "let out", "held back"

_CLOSED = (Failure.RESET, Failure.EMPTY_REPLY, Failure.TLS)
_FORBIDDEN = "not allowed"


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


class Mtls(Probing):
    """The hop is mutual TLS by `mesh`, or plaintext; `client` is the identity that the server sees.

    `to` is a workload (a Service of its own is called) or a URL.
    """

    kind: ClassVar[str] = "mtls"
    witness: ClassVar[bool] = True

    to: Annotated[  # type: ignore[assignment]
        Workload | Url, text_as(lambda text: text if "://" in text else Workload.parse(text))
    ]
    mode: Literal["mutual", "plaintext"] = "mutual"
    mesh: MeshName | None = None
    client: str | None = None

    def faults(self) -> Iterator[str]:
        if self.mode == "mutual" and self.mesh is None:
            yield "say by which mesh (mesh: istio or linkerd), or mode: plaintext"
        if self.mode == "plaintext" and (self.mesh or self.client):
            yield "plaintext has neither mesh nor client identity"

    def title(self) -> str:
        how = f"mtls by {self.mesh}" if self.mode == "mutual" else "plaintext"
        return f"{how} from {self.source} to {self.to}"

    def request(self, ground: Ground) -> Request:
        url = self.to
        if isinstance(url, Workload):
            services = services_of(url, ground.apps)
            if not services:
                raise InputError(f"no Service with an HTTP port selects {url}", todo="write `to` as a URL")
            url = services[0]
        return Request(self.source, url, self.method, tuple(self.headers.items()))

    @property
    def label(self) -> str:
        if self.mode == "plaintext":
            return "plaintext"
        return f"mutual TLS by {self.mesh}" + (f" as {self.client}" if self.client else "")

    def classify(self, outcome: Outcome) -> str:
        hop = outcome.hop
        if hop is None or hop.refused:
            return str(outcome) if outcome.failure else UNKNOWN
        if not hop.mutual:
            return "plaintext"
        if self.client and hop.client is None:
            return UNKNOWN
        return f"mutual TLS by {hop.mesh}" + (f" as {hop.client}" if self.client else "")


def forbidden(outcome: Outcome) -> bool:
    """Returns whether the client's proxy says itself that it won't let a request out.

    Istio's (REGISTRY_ONLY): 502 without having asked anybody. Linkerd's (EgressNetwork): 403 with its words.
    """
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return _FORBIDDEN in error
    upstream = outcome.header("x-envoy-upstream-service-time") is not None
    return outcome.status == 502 and outcome.header("server") == "envoy" and not upstream and not outcome.body


def dialled(outcome: Outcome) -> bool:
    """Returns whether the client's proxy tells that it dialled, and that nobody took the connection."""
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return "connect" in error.lower()
    return outcome.status == 503 and (outcome.body or "").startswith("upstream connect error")


class Egress(Probing):
    """The client's mesh lets the request out; with `allowed: false` it holds it back.

    Out it is when somebody answers who isn't the client's own proxy, or that tells that it dialled in vain.
    A connection that is closed without a word counts as held back only beside `control`, a URL to which the
    same client is let out.
    """

    kind: ClassVar[str] = "egress"

    allowed: bool = True
    control_: Url | None = Field(default=None, alias="control")

    def faults(self) -> Iterator[str]:
        if self.control_ is not None and self.allowed:
            yield "a control shows what allowed: false needs: that there is a way out at all"
        if not self.allowed and self.control_ is None and not self.to.startswith("http://"):
            yield "a closed connection proves little: name a control, a URL that is let out"

    def title(self) -> str:
        return f"egress {self.label} from {self.source} to {self.to}"

    @property
    def label(self) -> str:
        return LET_OUT if self.allowed else HELD_BACK

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return LET_OUT
        if forbidden(outcome):
            return HELD_BACK
        if outcome.failure in _CLOSED:
            return HELD_BACK if self.control_ or self.allowed else UNKNOWN
        if outcome.failure is Failure.RESOLVE:
            return str(outcome)
        if dialled(outcome):
            return LET_OUT
        by_proxy = timed_out(outcome) or outcome.header("l5d-proxy-error") is not None
        silent = outcome.connected and outcome.detail
        return UNKNOWN if outcome.failure is not None or by_proxy or silent else LET_OUT

    def control(self, ground: Ground) -> Iterable[str]:
        if self.control_ is None:
            return
        outcomes = ground.provider.send(Request(self.source, self.control_), WARM_UP)
        seen = {self.classify(group.outcome) for group in outcomes.groups}
        if seen != {LET_OUT}:
            raise HarnessError(
                f"{self.source} isn't let out to {self.control_} either",
                why=", ".join(sorted(seen)),
                todo="name a control that the client can reach",
            )
        yield f"{self.source} is let out to {self.control_}"

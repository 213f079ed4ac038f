"""What must be true in a stage: one class for each kind of expectation."""

from __future__ import annotations

from harness.base.extensions import Extensible, subclass_of
from harness.expectations.base import Expectation, Ground, Reference
from harness.expectations.policy import Allow, Deny, Egress, Mtls
from harness.expectations.state.configuration import Equivalent, Findings, RefusedByApi
from harness.expectations.state.metrics import Metrics
from harness.expectations.state.pods import DoubleInjected, Injected, Ready
from harness.expectations.state.resolves import Resolves
from harness.expectations.state.status import Reported
from harness.expectations.traffic.availability import Available
from harness.expectations.traffic.connection import Latency, Refused, Tcp, Timeout
from harness.expectations.traffic.response import Grpc, Header, Ingress, Redirect, Response, Rewrite
from harness.expectations.traffic.series import Rate, Sticky
from harness.expectations.traffic.sharing import Mirror, Retry, Split
from harness.expectations.verdict import Explanation, Result, Verdict

_KINDS: tuple[type[Expectation], ...] = (
    Split, Allow, Deny, Mtls, Response, Latency, Injected, RefusedByApi, Findings, Equivalent, Ready, Metrics,
    DoubleInjected, Ingress, Egress, Redirect, Rewrite, Header, Timeout, Retry, Mirror, Grpc, Tcp, Resolves,
    Refused, Reported, Sticky, Rate,
)  # fmt: skip

KINDS = Extensible[type[Expectation]](
    "expectations", {kind.kind: kind for kind in _KINDS}, subclass_of(Expectation)
)
"""The expectations that a scenario file can write, by their keys."""

DURING: dict[str, type[Expectation]] = {Available.kind: Available}
"""Those on what goes on while a stage changes into the next one."""

__all__ = ["DURING", "KINDS", "Expectation", "Explanation", "Ground", "Reference", "Result", "Verdict"]

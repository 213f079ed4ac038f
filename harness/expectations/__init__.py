"""What must be true in a stage: one module for each kind of expectation."""

from __future__ import annotations

from harness.expectations.base import Expectation, Ground, Reference
from harness.expectations.policy.access import Allow, Deny
from harness.expectations.policy.egress import Egress
from harness.expectations.policy.mtls import Mtls
from harness.expectations.state.api import RefusedByApi
from harness.expectations.state.double_injected import DoubleInjected
from harness.expectations.state.equivalent import Equivalent
from harness.expectations.state.findings import Findings
from harness.expectations.state.injection import Injected
from harness.expectations.state.metrics import Metrics
from harness.expectations.state.ready import Ready
from harness.expectations.state.resolves import Resolves
from harness.expectations.traffic.availability import Available
from harness.expectations.traffic.grpc import Grpc
from harness.expectations.traffic.header import Header
from harness.expectations.traffic.ingress import Ingress
from harness.expectations.traffic.latency import Latency
from harness.expectations.traffic.mirror import Mirror
from harness.expectations.traffic.redirect import Redirect
from harness.expectations.traffic.refused import Refused
from harness.expectations.traffic.response import Response
from harness.expectations.traffic.retry import Retry
from harness.expectations.traffic.rewrite import Rewrite
from harness.expectations.traffic.split import Split
from harness.expectations.traffic.tcp import Tcp
from harness.expectations.traffic.timeout import Timeout
from harness.expectations.verdict import Explanation, Result, Verdict

KINDS: dict[str, type[Expectation]] = {
    kind.kind: kind
    for kind in (
        Split,
        Allow,
        Deny,
        Mtls,
        Response,
        Latency,
        Injected,
        RefusedByApi,
        Findings,
        Equivalent,
        Ready,
        Metrics,
        DoubleInjected,
        Ingress,
        Egress,
        Redirect,
        Rewrite,
        Header,
        Timeout,
        Retry,
        Mirror,
        Grpc,
        Tcp,
        Resolves,
        Refused,
    )
}
"""The expectations that a scenario file can write, by their keys."""

DURING: dict[str, type[Expectation]] = {Available.kind: Available}
"""Those on what goes on while a stage changes into the next one."""

__all__ = ["DURING", "KINDS", "Expectation", "Explanation", "Ground", "Reference", "Result", "Verdict"]

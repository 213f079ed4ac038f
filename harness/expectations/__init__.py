"""What must be true in a stage: one module for each kind of expectation."""

from __future__ import annotations

from harness.expectations.access import Allow, Deny
from harness.expectations.api import RefusedByApi
from harness.expectations.availability import Available
from harness.expectations.base import Expectation, Ground, Reference
from harness.expectations.double_injected import DoubleInjected
from harness.expectations.egress import Egress
from harness.expectations.equivalent import Equivalent
from harness.expectations.findings import Findings
from harness.expectations.grpc import Grpc
from harness.expectations.header import Header
from harness.expectations.ingress import Ingress
from harness.expectations.injection import Injected
from harness.expectations.latency import Latency
from harness.expectations.metrics import Metrics
from harness.expectations.mirror import Mirror
from harness.expectations.mtls import Mtls
from harness.expectations.ready import Ready
from harness.expectations.redirect import Redirect
from harness.expectations.refused import Refused
from harness.expectations.resolves import Resolves
from harness.expectations.response import Response
from harness.expectations.retry import Retry
from harness.expectations.rewrite import Rewrite
from harness.expectations.split import Split
from harness.expectations.tcp import Tcp
from harness.expectations.timeout import Timeout
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

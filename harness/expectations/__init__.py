"""What must be true in a stage: one module for each kind of expectation."""

from __future__ import annotations

from harness.expectations.access import Allow, Deny
from harness.expectations.api import RefusedByApi
from harness.expectations.base import Expectation, Ground, Reference
from harness.expectations.injection import Injected
from harness.expectations.latency import Latency
from harness.expectations.mtls import Mtls
from harness.expectations.response import Response
from harness.expectations.split import Split
from harness.expectations.verdict import Explanation, Result, Verdict

KINDS: dict[str, type[Expectation]] = {
    kind.kind: kind for kind in (Split, Allow, Deny, Mtls, Response, Latency, Injected, RefusedByApi)
}
"""The expectations that a scenario file can write, by their keys."""

__all__ = ["KINDS", "Expectation", "Explanation", "Ground", "Reference", "Result", "Verdict"]

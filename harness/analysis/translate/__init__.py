"""Istio's configuration, translated to the Gateway API and Linkerd's policies.

`translate(resources)` is pure: it returns the objects to apply in place of Istio's, and a finding for
whatever they do differently, or not at all. No field is passed over without a finding.
"""

from __future__ import annotations

from harness.analysis.translate.finding import Finding, Severity
from harness.analysis.translate.translation import Translation, translate

__all__ = ["Finding", "Severity", "Translation", "translate"]

"""Which pods are Istio's gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks

if TYPE_CHECKING:
    from harness.api.kubernetes.pod import PodTemplate

MANAGED = ("gateway.istio.io/managed", "istio.io-gateway-controller")
"""The label, with its value, of the pods that Istio deploys for Gateways."""


def runs_gateway(template: PodTemplate) -> bool:
    """Returns whether pods run a gateway: injected as such, deployed for a Gateway, or written out."""
    label, value = MANAGED
    return (
        template.metadata.annotations.get(marks.ISTIO_TEMPLATES) == "gateway"
        or template.metadata.labels.get(label) == value
        or any({"proxy", "router"} <= set(container.args) for container in template.spec.containers)
    )

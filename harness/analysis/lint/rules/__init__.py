"""The rules' functions, by what they are about: each module enters its own in the table."""

from __future__ import annotations

from harness.analysis.lint.rules import authorization, linkerd, mutual_tls, placement, references, routes
from harness.analysis.lint.rules.istio import (
    ambient,
    annotation,
    bound,
    destination,
    destination_rule,
    envoy_filter,
    gateway,
    ingress,
    injection,
    installation,
    selection,
    service,
    service_entry,
    shadowing,
    telemetry,
    virtual_service,
)

MODULES = (
    *(authorization, linkerd, mutual_tls, placement, references, routes),
    *(ambient, annotation, bound, destination, destination_rule, envoy_filter, gateway, ingress),
    *(injection, installation, selection, service, service_entry, shadowing, telemetry, virtual_service),
)

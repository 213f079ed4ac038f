"""What pods' annotations have Istio's proxies do: which ports they take, and what isn't decided.

[istio.io/api: annotation; istio/istio: tools/istio-iptables, pkg/kube/inject]
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.istio.mesh_config import PROXY, PodProxyConfig, unsettled
from harness.api.marks import ISTIO_TEMPLATES
from harness.manifests.documents import Loader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource

_TRAFFIC = "traffic.sidecar.istio.io/"
EXCLUDED_IN, EXCLUDED_OUT = f"{_TRAFFIC}excludeInboundPorts", f"{_TRAFFIC}excludeOutboundPorts"
INCLUDED_IN, INCLUDED_OUT = f"{_TRAFFIC}includeInboundPorts", f"{_TRAFFIC}includeOutboundPorts"
_NETWORKS, _EXCLUDED_NETWORKS = f"{_TRAFFIC}includeOutboundIPRanges", f"{_TRAFFIC}excludeOutboundIPRanges"
_EVERY = "*"

_MODE = "sidecar.istio.io/interceptionMode"
_REDIRECT = "REDIRECT"
_TEMPLATES = ("sidecar", "gateway")
"""The injector's templates that bring a proxy as the model knows it."""

_BY_ADDRESS = "which requests go round the proxy depends on addresses"


@cache
def table() -> dict[str, Any]:
    """Returns the annotations by what they do."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.load(text, Loader)
    return read


def undecided(owner: Resource, annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the fields of a pod's annotations that aren't decided, each with why."""
    reasons: dict[str, str] = table()["undecided"]
    yield from ((f"annotation {key}", why) for key, why in reasons.items() if annotations.get(key))
    if annotations.get(_NETWORKS, _EVERY).strip() not in (_EVERY, ""):
        yield f"annotation {_NETWORKS}", _BY_ADDRESS
    if annotations.get(_EXCLUDED_NETWORKS, "").strip():
        yield f"annotation {_EXCLUDED_NETWORKS}", _BY_ADDRESS
    if annotations.get(_MODE, _REDIRECT) != _REDIRECT:
        yield f"annotation {_MODE}", "the proxy takes connections in another way"
    named = (name.strip() for name in annotations.get(ISTIO_TEMPLATES, "").split(",") if name.strip())
    if unknown := next((name for name in named if name not in _TEMPLATES), ""):
        yield f"annotation {ISTIO_TEMPLATES}", f"what the injector's template {unknown} makes isn't known"
    if PROXY in annotations:
        yield from unsettled(PodProxyConfig.written(owner, annotations[PROXY]))


def round_inbound(annotations: Mapping[str, str], port: int) -> str:
    """Returns the annotation by which connections to a pod's port go round its proxy, empty if they don't.

    Ports that are left out count only where all others are taken.
    """
    taken = annotations.get(INCLUDED_IN, _EVERY).strip()
    if taken != _EVERY:
        return "" if _has(taken, port) else INCLUDED_IN
    return EXCLUDED_IN if _has(annotations.get(EXCLUDED_IN, ""), port) else ""


def round_outbound(annotations: Mapping[str, str], port: int) -> str:
    """Returns the annotation by which a pod's connections to a port (as dialled) go round its proxy."""
    if _has(annotations.get(EXCLUDED_OUT, ""), port):
        return EXCLUDED_OUT
    taken = annotations.get(_NETWORKS, _EVERY).strip() or _has(annotations.get(INCLUDED_OUT, ""), port)
    return "" if taken else _NETWORKS


def _has(ports: str, port: int) -> bool:
    return str(port) in (part.strip() for part in ports.split(","))

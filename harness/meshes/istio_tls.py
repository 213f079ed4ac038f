"""How Istio's sidecars show whether a request came over mutual TLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.base import Mesh
from harness.cluster.probing.counters import growth, samples
from harness.traffic.outcomes import Hop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.cluster.probing.counters import Sample
    from harness.traffic.outcomes import ServerSaw

TLS_STATISTICS = (
    "downstream_cx_total",
    "downstream_cx_active",
    "downstream_cx_ssl_total",
    "downstream_cx_ssl_active",
    "downstream_rq_total",
)
"""Counters that a sidecar leaves out unless asked [Istio: Envoy Statistics]."""

_PREFIX = "envoy_http_"
_URI = re.compile(r'URI=([^;,"]+)')
_BY = re.compile(r'By=([^;,"]+)')


def identity(saw: ServerSaw) -> Hop | None:
    """Reads X-Forwarded-Client-Cert, which a sidecar writes for mutual TLS and removes otherwise.

    Header or not, it is evidence only where the sidecar handled the request as HTTP: then it has
    added X-Forwarded-Proto, and taken the client's X-Envoy-Decorator-Operation away.
    """
    if saw.header("x-forwarded-proto") is None or saw.header("x-envoy-decorator-operation") is not None:
        return None
    certificate = saw.header("x-forwarded-client-cert")
    if certificate is None:
        return Hop(False, witnesses=("no X-Forwarded-Client-Cert at the server, which has an istio-proxy",))
    # Each hop appends an element: the last one is this hop's [Envoy: x-forwarded-client-cert].
    clients = _URI.findall(certificate)
    servers = _BY.findall(certificate)
    return Hop(
        True,
        Mesh.ISTIO,
        clients[-1] if clients else None,
        ("X-Forwarded-Client-Cert at the server",),
        servers[-1] if servers else None,
    )


def witness(before: str, after: str, requests: int) -> Hop | None:
    """Reads the inbound connections: those open before, and those opened since, carried the requests.

    If all of them were TLS (which a sidecar accepts from certified clients only), or none was, so
    were the requests; otherwise, or if fewer requests came in than that, the counters tell nothing.
    """
    names = [f"{_PREFIX}{name}" for name in TLS_STATISTICS]
    grown = _by_port(growth(before, after, *names))
    opened = _by_port(samples(before, *names))
    arrived = secure = every = 0.0
    for (name, port), number in grown.items():
        if name != "downstream_rq_total" or not number or not port.startswith("inbound_"):
            continue
        if ("downstream_cx_ssl_total", port) not in grown:  # not asked for at installation
            return None
        arrived += number
        secure += opened.get(("downstream_cx_ssl_active", port), 0.0) + grown["downstream_cx_ssl_total", port]
        every += opened.get(("downstream_cx_active", port), 0.0) + grown["downstream_cx_total", port]
    counted = f"{arrived:.0f} requests over {every:.0f} inbound connections"
    if arrived < requests or not every:
        return None
    if secure == every:
        return Hop(True, Mesh.ISTIO, None, (f"the server's istio-proxy counted {counted}, all TLS",))
    if not secure:
        return Hop(False, witnesses=(f"the server's istio-proxy counted {counted}, none TLS",))
    return None


def _by_port(counted: Iterable[Sample]) -> dict[tuple[str, str], float]:
    return {
        (sample.name.removeprefix(_PREFIX), sample.label("http_conn_manager_prefix")): sample.value
        for sample in counted
    }

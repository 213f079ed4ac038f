"""Who gets a proxy: Istio's labels and annotations, as Linkerd's annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.workload import template_of
from harness.api.marks import (
    ISTIO_AMBIENT,
    ISTIO_INJECT,
    ISTIO_INJECTION,
    ISTIO_REVISION,
    ISTIO_TEMPLATES,
    LINKERD_INJECT,
    asks,
    choice,
)
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

_RENAMED = {
    "traffic.sidecar.istio.io/excludeOutboundPorts": "config.linkerd.io/skip-outbound-ports",
    "traffic.sidecar.istio.io/excludeInboundPorts": "config.linkerd.io/skip-inbound-ports",
    "sidecar.istio.io/proxyCPU": "config.linkerd.io/proxy-cpu-request",
    "sidecar.istio.io/proxyCPULimit": "config.linkerd.io/proxy-cpu-limit",
    "sidecar.istio.io/proxyMemory": "config.linkerd.io/proxy-memory-request",
    "sidecar.istio.io/proxyMemoryLimit": "config.linkerd.io/proxy-memory-limit",
    "sidecar.istio.io/nativeSidecar": "config.linkerd.io/proxy-enable-native-sidecar",
}
_LOG_LEVEL = "sidecar.istio.io/logLevel"
_LOG_LEVELS = {
    **{level: f"warn,linkerd={level}" for level in ("trace", "debug", "info")},
    **dict.fromkeys(("warn", "warning"), "warn"),
    **dict.fromkeys(("err", "error", "critical"), "error"),
    "off": "off",
}
"""Envoy's levels as filters of Linkerd's proxy, whose libraries' own messages stay at warnings."""
_INBOUND_PORTS = "traffic.sidecar.istio.io/excludeInboundPorts"
_TODO = {
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": "skip ports (config.linkerd.io/skip-outbound-ports): "
    "config.linkerd.io/skip-subnets goes by callers' addresses",
    "traffic.sidecar.istio.io/includeOutboundPorts": "skip others (config.linkerd.io/skip-outbound-ports)",
    "traffic.sidecar.istio.io/includeInboundPorts": "skip others (config.linkerd.io/skip-inbound-ports)",
    "proxy.istio.io/config": "look for each setting among Linkerd's config annotations",
}
# Left out without a word: Linkerd's way makes them unnecessary.
_NEEDLESS = frozenset(("sidecar.istio.io/rewriteAppHTTPProbers", "sidecar.istio.io/status"))
_NAMESPACE_LABELS = (ISTIO_INJECTION, ISTIO_REVISION, ISTIO_AMBIENT)


@dataclass(frozen=True)
class Marks:
    """What an object says about its proxy, taken apart."""

    labels: dict[str, str]
    annotations: dict[str, str]
    istio: dict[str, str]
    labelled: frozenset[str]

    @classmethod
    def of(cls, metadata: Metadata) -> Marks:
        """Returns the labels and annotations that stay, and those of Istio's."""
        labels, annotations = metadata.labels, metadata.annotations
        # Istio takes a label before an annotation of the same name.
        istio = {key: value for key, value in {**annotations, **labels}.items() if _istios(key)}
        return cls(
            {key: value for key, value in labels.items() if key not in istio},
            {key: value for key, value in annotations.items() if key not in istio},
            istio,
            frozenset(istio.keys() & labels.keys()),
        )

    def field(self, key: str) -> str:
        """Returns where in the metadata one of Istio's stands."""
        return f"{'labels' if key in self.labelled else 'annotations'}.{key}"


def _istios(key: str) -> bool:
    # `istio` alone is a plain label, by which gateways are selected.
    return key == ISTIO_INJECTION or key.partition("/")[0].endswith("istio.io")


def translate(draft: Draft) -> None:
    """Translates the marks of all Namespaces, Services and workloads."""
    for namespace in draft.estate.namespaces.values():
        _namespace(draft, namespace)
    for workloads in draft.estate.deployed.values():
        for workload in workloads:
            _workload(draft, workload.resource)
    for service in draft.estate.services.values():
        marks = Marks.of(Metadata.of(service))
        for key in marks.istio:
            _report(draft, service, f"metadata.{marks.field(key)}", key)


def _namespace(draft: Draft, resource: Resource) -> None:
    current = draft.current(resource)
    metadata = Metadata.of(current)
    marks = Marks.of(metadata)
    if not marks.istio:
        return
    asked = asks(Mesh.ISTIO, metadata.labels, metadata.annotations)
    injected = asked or metadata.labels.get(ISTIO_AMBIENT) == "ambient"
    annotations = {**marks.annotations, **({LINKERD_INJECT: "enabled"} if injected else {})}
    _change(draft, metadata, marks.labels, annotations)
    for key in marks.istio:
        if key not in _NAMESPACE_LABELS:
            _report(draft, resource, f"metadata.{marks.field(key)}", key)


def _workload(draft: Draft, resource: Resource) -> None:
    current = draft.current(resource)
    metadata = template_of(current).metadata
    marks, field = Marks.of(metadata), metadata.path
    if not marks.istio or ISTIO_TEMPLATES in marks.istio:
        return
    annotations = dict(marks.annotations)
    for key, value in marks.istio.items():
        if key == ISTIO_INJECT:
            annotations |= _injected(choice(Mesh.ISTIO, metadata.labels, metadata.annotations))
        elif key == ISTIO_REVISION:
            annotations.setdefault(LINKERD_INJECT, "enabled")
        elif key in _RENAMED:
            annotations[_RENAMED[key]] = value
        elif key == _LOG_LEVEL and value.lower() in _LOG_LEVELS:
            annotations["config.linkerd.io/proxy-log-level"] = _LOG_LEVELS[value.lower()]
        elif key not in _NEEDLESS:
            _report(draft, resource, f"{field}.{marks.field(key)}", key)
    if _INBOUND_PORTS in marks.istio:
        draft.report(
            Severity.CHANGED,
            "annotation",
            resource,
            f"{field}.{marks.field(_INBOUND_PORTS)}",
            "Linkerd's clients know of the skipped ports and get through in plaintext, where Istio's begin "
            "mutual TLS that nothing ends, and get 503",
            "keep these ports for clients without a proxy",
        )
    _change(draft, metadata, marks.labels, annotations)


def _injected(chosen: bool | None) -> dict[str, str]:
    """What a pod's choice becomes."""
    return {} if chosen is None else {LINKERD_INJECT: "enabled" if chosen else "disabled"}


def _change(draft: Draft, metadata: Metadata, labels: dict[str, str], annotations: dict[str, str]) -> None:
    """Puts other labels and annotations into an object's metadata, or its pods'."""
    marks = {"labels": labels, "annotations": annotations}
    kept = {key: value for key, value in metadata.data.items() if key not in marks}
    draft.change_metadata(metadata, kept | {key: value for key, value in marks.items() if value})


def _report(draft: Draft, resource: Resource, field: str, key: str) -> None:
    draft.report(
        Severity.LOST,
        "annotation",
        resource,
        field,
        f"Linkerd has nothing like {key}; it is left out",
        _TODO.get(key, "check whether you need it"),
    )

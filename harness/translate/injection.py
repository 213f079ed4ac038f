"""Who gets a proxy: Istio's labels and annotations, as Linkerd's annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.marks import ISTIO_AMBIENT, ISTIO_INJECT, ISTIO_INJECTION, ISTIO_REVISION, LINKERD_INJECT
from harness.translate.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.resources import Resource
    from harness.translate.draft import Draft

_RENAMED = {
    "traffic.sidecar.istio.io/excludeOutboundPorts": "config.linkerd.io/skip-outbound-ports",
    "traffic.sidecar.istio.io/excludeInboundPorts": "config.linkerd.io/skip-inbound-ports",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": "config.linkerd.io/skip-subnets",
    "sidecar.istio.io/proxyCPU": "config.linkerd.io/proxy-cpu-request",
    "sidecar.istio.io/proxyCPULimit": "config.linkerd.io/proxy-cpu-limit",
    "sidecar.istio.io/proxyMemory": "config.linkerd.io/proxy-memory-request",
    "sidecar.istio.io/proxyMemoryLimit": "config.linkerd.io/proxy-memory-limit",
    "sidecar.istio.io/logLevel": "config.linkerd.io/proxy-log-level",
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

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Marks:
        """Returns the labels and annotations that stay, and those of Istio's."""
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        istio = {key: value for key, value in {**labels, **annotations}.items() if _istios(key)}
        return cls(
            {key: value for key, value in labels.items() if key not in istio},
            {key: value for key, value in annotations.items() if key not in istio},
            istio,
        )


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
        marks = Marks.of(service.data["metadata"])
        for key in marks.istio:
            _report(draft, service, f"metadata.annotations.{key}", key)


def _namespace(draft: Draft, resource: Resource) -> None:
    current = draft.current(resource)
    marks = Marks.of(current.data["metadata"])
    if not marks.istio:
        return
    injected = (
        marks.istio.get(ISTIO_INJECTION) == "enabled"
        or (ISTIO_REVISION in marks.istio and marks.istio.get(ISTIO_INJECTION) != "disabled")
        or marks.istio.get(ISTIO_AMBIENT) == "ambient"
    )
    annotations = {**marks.annotations, **({LINKERD_INJECT: "enabled"} if injected else {})}
    _change(draft, resource, current.data, "metadata", marks.labels, annotations)
    for key in marks.istio:
        if key not in _NAMESPACE_LABELS:
            _report(draft, resource, f"metadata.labels.{key}", key)


def _workload(draft: Draft, resource: Resource) -> None:
    current = draft.current(resource)
    pod = resource.kind == "Pod"
    holder = current.data if pod else (current.data.get("spec") or {}).get("template") or {}
    field = "metadata" if pod else "spec.template.metadata"
    marks = Marks.of(holder.get("metadata") or {})
    if not marks.istio or "inject.istio.io/templates" in marks.istio:
        return
    annotations = dict(marks.annotations)
    for key, value in marks.istio.items():
        if key == ISTIO_INJECT:
            annotations[LINKERD_INJECT] = (
                "disabled" if value.lower() in ("false", "n", "no", "off") else "enabled"
            )
        elif key == ISTIO_REVISION:
            annotations.setdefault(LINKERD_INJECT, "enabled")
        elif key in _RENAMED:
            annotations[_RENAMED[key]] = value
        elif key not in _NEEDLESS:
            _report(draft, resource, f"{field}.annotations.{key}", key)
    _change(draft, resource, current.data, field, marks.labels, annotations)


def _change(
    draft: Draft,
    resource: Resource,
    data: dict[str, Any],
    field: str,
    labels: dict[str, str],
    annotations: dict[str, str],
) -> None:
    """Puts other labels and annotations at a path of the object."""

    def changed(part: dict[str, Any], keys: list[str]) -> dict[str, Any]:
        if not keys:
            marks = {"labels": labels, "annotations": annotations}
            kept = {key: value for key, value in part.items() if key not in marks}
            return kept | {key: value for key, value in marks.items() if value}
        return {**part, keys[0]: changed(part.get(keys[0]) or {}, keys[1:])}

    draft.change(resource, changed(data, field.split(".")))


def _report(draft: Draft, resource: Resource, field: str, key: str) -> None:
    draft.report(
        Severity.LOST,
        "annotation",
        resource,
        field,
        f"Linkerd has nothing like {key}; it is left out",
        "check whether you need it",
    )

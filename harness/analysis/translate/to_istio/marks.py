"""Who gets a proxy, and what else Linkerd's annotations ask for: as labels and annotations of Istio's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.texts import beside
from harness.api.gateway_api import GROUP as GATEWAY_API
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.workload import ENDING_KINDS, template_of
from harness.api.linkerd import GROUP
from harness.api.linkerd.annotation import SKIP_INBOUND, SKIP_OUTBOUND
from harness.api.linkerd.ports import lenient
from harness.api.marks import ISTIO_INJECT, ISTIO_INJECTION, LINKERD_INJECT
from harness.api.placement import unplaced
from harness.base.vocabulary import PLATFORM

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft

_ROUTED = (GATEWAY_API, GROUP)
_PORTS = (SKIP_INBOUND, SKIP_OUTBOUND)


def is_linkerds(key: str) -> bool:
    """Returns whether an annotation or label is one of Linkerd's."""
    return key.partition("/")[0].endswith("linkerd.io") and "/" in key


def translate(draft: Draft) -> None:
    """Translates the marks of Namespaces and workloads, and reports those of Services and routes."""
    estate = draft.estate
    assumed = [name for name in unplaced(estate.resources) if name not in PLATFORM]
    for namespace in estate.namespaces.values():
        if namespace.name not in PLATFORM:
            _translate(draft, Metadata.of(draft.current(namespace)), assumed=namespace.name in assumed)
    jobs = (job for kind in ENDING_KINDS for job in estate.all(*kind))
    for resource in (*(workload.resource for workload in estate.workloads), *jobs):
        if resource.namespace not in PLATFORM:
            _translate(draft, template_of(draft.current(resource)).metadata)
    for name in assumed:
        draft.assumed.append(name)
        at = estate.namespaces.get(name) or estate.deployed[name][0].resource
        draft.report("to-istio.assumed", at, "metadata", namespace=name)
    for resource in estate.resources:
        if resource.key[:2] == ("", "Service") or resource.group in _ROUTED:
            metadata = Metadata.of(resource)
            for key in (*metadata.annotations, *metadata.labels):
                _report(draft, metadata, key)


def _translate(draft: Draft, metadata: Metadata, *, assumed: bool = False) -> None:
    """Changes the marks of a Namespace, or of the pods that a workload makes."""
    resource, table = metadata.resource, _table()
    is_namespace = resource.kind == "Namespace"
    labels = {key: value for key, value in metadata.labels.items() if not is_linkerds(key)}
    annotations = {key: value for key, value in metadata.annotations.items() if not is_linkerds(key)}
    inject = metadata.annotations.get(LINKERD_INJECT, "enabled" if assumed else "")
    if inject in ("enabled", "ingress", "disabled"):
        if is_namespace:
            labels[ISTIO_INJECTION] = "disabled" if inject == "disabled" else "enabled"
        else:
            labels[ISTIO_INJECT] = "false" if inject == "disabled" else "true"
    if inject == "ingress":
        draft.report("to-istio.ingress-mode", resource, f"{metadata.path}.annotations.{LINKERD_INJECT}")
    for key in (*metadata.annotations, *metadata.labels):
        if key in table["renamed"] and not is_namespace:
            annotations[table["renamed"][key]] = _value(key, metadata.annotations[key])
        elif key != LINKERD_INJECT:
            _report(draft, metadata, key)
    marks: dict[str, Any] = {"labels": labels, "annotations": annotations}
    if marks != {"labels": metadata.labels, "annotations": metadata.annotations}:
        kept = {key: value for key, value in metadata.data.items() if key not in marks}
        draft.change_metadata(metadata, kept | {key: value for key, value in marks.items() if value})


def _value(key: str, text: str) -> str:
    """Istio's annotations know no ranges of ports."""
    return ",".join(map(str, sorted(lenient(text)))) if key in _PORTS else text


def _report(draft: Draft, metadata: Metadata, key: str) -> None:
    table = _table()
    if is_linkerds(key) and key not in table["needless"] and key != LINKERD_INJECT:
        code = "to-istio.annotation-quiet" if key in table["quiet"] else "to-istio.annotation"
        part = "annotations" if key in metadata.annotations else "labels"
        draft.report(code, metadata.resource, f"{metadata.path}.{part}.{key}", key=key)


def _table() -> dict[str, Any]:
    table: dict[str, Any] = beside(__file__, "linkerd.yaml")["annotations"]
    return table

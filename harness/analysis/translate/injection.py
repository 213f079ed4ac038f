"""Who gets a proxy: Istio's labels and annotations, as Linkerd's annotations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.texts import beside
from harness.analysis.translate.coverage import groups
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.workload import ENDING_KINDS, template_of
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
from harness.api.placement import unplaced
from harness.base.vocabulary import PLATFORM, Mesh

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Estate
    from harness.base.resources import Resource

Known = dict[str, Any]
"""What istio.yaml says of annotations."""

_STATUS = "sidecar.istio.io/status"
_TLS_MODE = "security.istio.io/tlsMode"
_INJECTED = ("initContainers", "containers", "volumes", "imagePullSecrets")
"""The lists of a pod that Istio's injector adds to [Istio: inject, SidecarInjectionStatus]."""

_LOG_LEVEL = "sidecar.istio.io/logLevel"
_TRAFFIC = "traffic.sidecar.istio.io/"
_INBOUND_PORTS = "traffic.sidecar.istio.io/excludeInboundPorts"
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
    table = beside(__file__, "istio.yaml")["annotations"]
    assumed = _is_assumed(draft.estate)
    for name, namespace in draft.estate.namespaces.items():
        if name not in PLATFORM:
            _namespace(draft, namespace, table)
    for space, workloads in draft.estate.deployed.items():
        if space in PLATFORM:
            continue
        for workload in workloads:
            if workload.is_gateway:
                _keep_injected(draft, workload.resource)
            else:
                _workload(draft, workload.resource, table)
        moving = [workload.resource for workload in workloads if not workload.is_gateway]
        if moving:
            _moving(draft, space, moving[0], assumed=assumed)
    for job in (each for kind in ENDING_KINDS for each in draft.estate.all(*kind)):
        if job.namespace not in PLATFORM:
            _workload(draft, job, table)
    for service in draft.estate.services.values():
        marks = Marks.of(Metadata.of(service))
        for key in marks.istio if service.namespace not in PLATFORM else ():
            if key not in table["needless"]:
                _report(draft, service, f"metadata.{marks.field(key)}", key, table)


def _is_assumed(estate: Estate) -> bool:
    """Whether all that runs is taken to be in Istio: it has configuration, and nothing asks for a mesh."""
    configured = any(resource.group in groups() for resource in estate.resources)
    return configured and bool(unplaced(estate.resources))


def _moving(draft: Draft, name: str, workload: Resource, *, assumed: bool) -> None:
    """Says how a namespace moves that has no mark, or isn't among the manifests."""
    if namespace := draft.estate.namespaces.get(name):
        if assumed:
            draft.assumed.append(name)
            draft.moving.add(name)
            draft.annotate(namespace, {LINKERD_INJECT: "enabled"}, ())
            draft.report("injection.assumed", namespace, "metadata", namespace=name)
    elif assumed or any(resource.group in groups() for resource in draft.estate.resources):
        draft.assumed.append(name)
        draft.moving.add(name)
        draft.report("injection.namespace", workload, "metadata.namespace", namespace=name)


def _keep_injected(draft: Draft, resource: Resource) -> None:
    """Has a gateway's pods ask for Istio's injector themselves where their namespace did."""
    namespace = draft.estate.namespaces.get(resource.namespace)
    metadata = template_of(draft.current(resource)).metadata
    asked = choice(Mesh.ISTIO, metadata.labels, metadata.annotations)
    if namespace is None or asked is not None or ISTIO_TEMPLATES not in metadata.annotations:
        return
    marks = Metadata.of(namespace)
    if asks(Mesh.ISTIO, marks.labels, marks.annotations):
        _change(draft, metadata, {**metadata.labels, ISTIO_INJECT: "true"}, dict(metadata.annotations))


def _namespace(draft: Draft, resource: Resource, table: Known) -> None:
    metadata = Metadata.of(draft.current(resource))
    marks = Marks.of(metadata)
    if not marks.istio:
        return
    asks_istio = asks(Mesh.ISTIO, metadata.labels, metadata.annotations)
    injected = asks_istio or metadata.labels.get(ISTIO_AMBIENT) == "ambient"
    if injected:
        draft.moving.add(resource.name)
    annotations = {**marks.annotations, **({LINKERD_INJECT: "enabled"} if injected else {})}
    _change(draft, metadata, marks.labels, annotations)
    asking = [key for key in _NAMESPACE_LABELS if key in marks.labelled]
    if injected and asking:
        removed = " ".join(f"{key}-" for key in asking)
        field, keys = f"metadata.labels.{asking[0]}", ", ".join(asking)
        draft.report("injection", resource, field, namespace=resource.name, keys=keys, removed=removed)
    for key in marks.istio:
        if key not in (*_NAMESPACE_LABELS, *table["needless"]):
            _report(draft, resource, f"metadata.{marks.field(key)}", key, table)


def _workload(draft: Draft, resource: Resource, table: Known) -> None:
    by_hand = _uninjected(draft, resource)
    metadata = template_of(draft.current(resource)).metadata
    marks, field = Marks.of(metadata), metadata.path
    if not marks.istio:
        return
    annotations = {**marks.annotations, **({LINKERD_INJECT: "enabled"} if by_hand else {})}
    for key, value in marks.istio.items():
        if key == ISTIO_INJECT:
            chosen = choice(Mesh.ISTIO, metadata.labels, metadata.annotations)
            if chosen is not None:
                annotations[LINKERD_INJECT] = "enabled" if chosen else "disabled"
        elif key == ISTIO_REVISION:
            annotations.setdefault(LINKERD_INJECT, "enabled")
        elif key in table["renamed"]:
            annotations[table["renamed"][key]] = value
        elif key == _LOG_LEVEL and value.lower() in table["log-levels"]:
            annotations["config.linkerd.io/proxy-log-level"] = table["log-levels"][value.lower()]
        elif key not in table["needless"] and not (by_hand and key == _TLS_MODE):
            _report(draft, resource, f"{field}.{marks.field(key)}", key, table)
    if _INBOUND_PORTS in marks.istio:
        draft.report("annotation.inbound-ports", resource, f"{field}.{marks.field(_INBOUND_PORTS)}")
    _change(draft, metadata, marks.labels, annotations)


def _uninjected(draft: Draft, resource: Resource) -> bool:
    """Takes out of pods what `istioctl kube-inject` put in, which its status tells; returns whether it did.

    No injector takes that away: pods that bring Istio's proxy stay in its mesh.
    """
    template = template_of(draft.current(resource))
    if Mesh.ISTIO.proxy not in {container.name for container in template.spec.lasting}:
        return False
    added = _added(template.metadata.annotations.get(_STATUS, ""))
    if Mesh.ISTIO.proxy not in {name for names in added.values() for name in names}:
        draft.report("injection.by-hand", resource, f"{template.spec.path}.containers")
        return False
    left = {
        key: [item for item in items if item.get("name") not in added[key]] if key in added else items
        for key, items in template.spec.data.items()
    }
    draft.change(template.spec, {key: items for key, items in left.items() if items or key not in added})
    return True


def _added(status: str) -> Mapping[str, Collection[str]]:
    """The names of what an injector added to a pod's lists, by the list; nothing if that isn't told."""
    try:
        told = json.loads(status)
    except ValueError:
        return {}
    lists = told if isinstance(told, dict) else {}
    return {key: names for key, names in lists.items() if key in _INJECTED and isinstance(names, list)}


def _change(draft: Draft, metadata: Metadata, labels: dict[str, str], annotations: dict[str, str]) -> None:
    """Puts other labels and annotations into an object's metadata, or its pods'."""
    marks = {"labels": labels, "annotations": annotations}
    kept = {key: value for key, value in metadata.data.items() if key not in marks}
    draft.change_metadata(metadata, kept | {key: value for key, value in marks.items() if value})


def _report(draft: Draft, resource: Resource, field: str, key: str, table: Known) -> None:
    todo = table["advice"].get(key, "check whether you need it")
    code = "annotation.traffic" if key.startswith(_TRAFFIC) else "annotation"
    draft.report(code, resource, field, key=key, todo=todo)

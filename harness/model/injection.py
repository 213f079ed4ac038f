"""Which proxies the injectors' webhooks put into a pod.

Webhooks run in the order of their names, so Istio's comes first; Linkerd's leaves a pod alone
that has another mesh's proxy already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.model.objects import annotations_of, labels_of, not_modelled
from harness.model.pods import Pod, containers_of, pod_names, pod_template
from harness.providers.base import Proxy
from harness.vocabulary import Mesh, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.resources import Resource

_NEVER_INJECTED = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))

# The model runs one control plane: its revision is `default`, which is a tag, too.
_REVISION = "default"

_LINKERD_NATIVE = (
    "config.linkerd.io/proxy-enable-native-sidecar",
    "config.beta.linkerd.io/proxy-enable-native-sidecar",
    "config.alpha.linkerd.io/proxy-enable-native-sidecar",
)

_LINKERD_INJECT = "linkerd.io/inject"
_REVISION_LABEL = "istio.io/rev"

# Labels that take traffic out of sidecars: to ambient mode's node proxies, and to waypoints.
_AMBIENT_LABEL = "istio.io/dataplane-mode"
_WAYPOINT_LABELS = ("istio.io/use-waypoint", "istio.io/ingress-use-waypoint")

# Annotations by which some of a pod's traffic goes round its proxy, or is taken for something else.
_BYPASSES = (
    "config.linkerd.io/skip-inbound-ports",
    "config.linkerd.io/skip-outbound-ports",
    "config.linkerd.io/skip-subnets",
    "config.linkerd.io/opaque-ports",
    "config.linkerd.io/proxy-require-identity-inbound-ports",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "proxy.istio.io/config",
    "networking.istio.io/exportTo",
)

Injected = tuple[tuple[Proxy, ...], tuple[tuple[Mesh, str], ...]]


def start(resource: Resource, namespace: Resource, meshes: frozenset[Mesh]) -> tuple[Pod, ...]:
    """Returns the pods that a workload object runs if they are started now.

    What the namespace says at this moment, and the meshes' webhooks, decide what is injected.
    """
    metadata, spec = pod_template(resource)
    proxies, skipped = inject(resource, namespace, meshes)
    inherited = {k: v for k, v in annotations_of(namespace).items() if k.startswith("config.linkerd.io/")}
    return tuple(
        Pod(
            name=name,
            workload=Workload(resource.namespace, resource.name),
            labels=metadata.get("labels") or {},
            annotations={**inherited, **(metadata.get("annotations") or {})},
            service_account=spec.get("serviceAccountName") or "default",
            containers=containers_of(spec),
            proxies=proxies,
            skipped=skipped,
            gateway=(metadata.get("annotations") or {}).get("inject.istio.io/templates") == "gateway",
        )
        for name in pod_names(resource)
    )


def inject(resource: Resource, namespace: Resource, meshes: frozenset[Mesh]) -> Injected:
    """Returns the proxies of a workload's pods, and what a mesh said that was asked and didn't inject.

    Raises NotModelledError for annotations that take traffic round the proxy, for ambient mode
    and waypoints, and for a revision of Istio other than `default`.
    """
    metadata, spec = pod_template(resource)
    for owner, labels, said in (
        (resource, metadata.get("labels") or {}, metadata.get("annotations") or {}),
        (namespace, labels_of(namespace), annotations_of(namespace)),
    ):
        refuse_bypasses(owner, said)
        refuse_waypoints(owner, labels, meshes)
        if said.get(_LINKERD_INJECT) == "ingress":
            raise not_modelled(owner, f"annotation {_LINKERD_INJECT}", "ingress mode routes by a header")
    present = _proxies_in(spec)
    skipped: list[tuple[Mesh, str]] = []
    if Mesh.ISTIO in meshes and _istio_wanted(resource, namespace) and Mesh.ISTIO not in present:
        native = (metadata.get("annotations") or {}).get("sidecar.istio.io/nativeSidecar") != "false"
        present[Mesh.ISTIO] = Proxy(Mesh.ISTIO, native)
    if Mesh.LINKERD in meshes and _linkerd_wanted(metadata, namespace) and Mesh.LINKERD not in present:
        obstacle = _linkerd_obstacle(spec, present)
        if obstacle:
            skipped.append((Mesh.LINKERD, f"Linkerd sidecar proxy injection skipped: {obstacle}"))
        else:
            present[Mesh.LINKERD] = Proxy(Mesh.LINKERD, _linkerd_native(metadata, namespace))
    return tuple(present.values()), tuple(skipped)


def refuse_bypasses(owner: Resource, annotations: Mapping[str, str]) -> None:
    """Raises NotModelledError for annotations that take traffic round a proxy or make it opaque."""
    bypass = next((key for key in _BYPASSES if key in annotations), None)
    if bypass:
        why = "it takes some traffic round the proxy, or changes what the proxy makes of it"
        raise not_modelled(owner, f"annotation {bypass}", why)


def refuse_waypoints(owner: Resource, labels: Mapping[str, str], meshes: frozenset[Mesh]) -> None:
    """Raises NotModelledError for labels of ambient mode, where there is an Istio to read them."""
    if Mesh.ISTIO not in meshes:
        return
    if labels.get(_AMBIENT_LABEL) == "ambient":
        raise not_modelled(owner, f"label {_AMBIENT_LABEL}", "ambient mode takes the sidecars' place")
    waypoint = next((key for key in _WAYPOINT_LABELS if labels.get(key, "none") != "none"), None)
    if waypoint:
        raise not_modelled(owner, f"label {waypoint}", "a waypoint decides instead of sidecars")


def _proxies_in(spec: Mapping[str, Any]) -> dict[Mesh, Proxy]:
    """The proxies that the template itself brings (injected by hand)."""
    found: dict[Mesh, Proxy] = {}
    for native, key in ((True, "initContainers"), (False, "containers")):
        names = [container.get("name") for container in spec.get(key) or ()]
        found |= {mesh: Proxy(mesh, native) for mesh in Mesh if mesh.proxy in names}
    return found


def _istio_wanted(resource: Resource, namespace: Resource) -> bool:
    """Which of the injector's webhooks select the pod [istio/istio: manifests/charts, default revision]."""
    metadata, spec = pod_template(resource)
    if namespace.name in _NEVER_INJECTED or spec.get("hostNetwork"):
        return False
    of_namespace = labels_of(namespace)
    of_pod: dict[str, str] = metadata.get("labels") or {}
    legacy = (metadata.get("annotations") or {}).get("sidecar.istio.io/inject")
    choice = of_pod.get("sidecar.istio.io/inject", legacy)
    if choice == "false":
        return False
    if "istio-injection" in of_namespace:
        return of_namespace["istio-injection"] == "enabled"
    for owner, labels in ((namespace, of_namespace), (resource, of_pod)):
        revision = labels.get(_REVISION_LABEL, _REVISION)
        if revision != _REVISION:
            why = f"{revision!r} may be a control plane of its own; the model runs one, {_REVISION!r}"
            raise not_modelled(owner, f"label {_REVISION_LABEL}", why)
        if _REVISION_LABEL in labels:
            return True
    return of_pod.get("sidecar.istio.io/inject") == "true"


def _linkerd_wanted(metadata: Mapping[str, Any], namespace: Resource) -> bool:
    if namespace.name in _NEVER_INJECTED:
        return False
    of_pod = (metadata.get("annotations") or {}).get(_LINKERD_INJECT)
    return (of_pod or annotations_of(namespace).get(_LINKERD_INJECT)) == "enabled"


def _linkerd_obstacle(spec: Mapping[str, Any], present: Mapping[Mesh, Proxy]) -> str | None:
    """Why the injector leaves a pod alone [linkerd/linkerd2: pkg/inject/report.go]."""
    if spec.get("hostNetwork"):
        return "hostNetwork is enabled"
    if present:
        return "pod has a sidecar injected already"
    if any(
        port.get("protocol") == "UDP"
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
    ):
        return "UDP port(s) configured on pod spec"
    return None


def _linkerd_native(metadata: Mapping[str, Any], namespace: Resource) -> bool:
    sources = (metadata.get("annotations") or {}, annotations_of(namespace))
    said = next((source[key] for source in sources for key in _LINKERD_NATIVE if key in source), "true")
    return said != "false"

"""Which proxies the injectors' webhooks put into a pod.

Webhooks run in the order of their names, so Istio's comes first; Linkerd's leaves a pod alone
that has another mesh's proxy already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.workload import host_names, pod_names, template_of
from harness.api.objects import annotations_of, labels_of
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh, Workload
from harness.model.changes import webhooks
from harness.model.istio.gateway import deployment as gateway_deployment
from harness.model.state.pods import Pod, RunningContainer
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.kubernetes.metadata import Metadata
    from harness.api.kubernetes.pod import PodSpec, PodTemplate
    from harness.base.resources import Resource

_NEVER_INJECTED = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))

_LINKERD_NATIVE = (
    "config.linkerd.io/proxy-enable-native-sidecar",
    "config.beta.linkerd.io/proxy-enable-native-sidecar",
    "config.alpha.linkerd.io/proxy-enable-native-sidecar",
)

_LINKERD_CHOICES = ("enabled", "ingress", "disabled")
_INIT_CONTAINERS = ("istio-init", "linkerd-init")

# Annotations by which some of a pod's traffic goes round its proxy, or is taken for something else.
_BYPASSES = (
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "proxy.istio.io/config",
)

Injected = tuple[tuple[Proxy, ...], tuple[tuple[Mesh, str], ...]]


def start(
    resource: Resource, namespace: Resource, meshes: frozenset[Mesh], configurations: Iterable[Resource] = ()
) -> tuple[Pod, ...]:
    """Returns the pods that a workload object runs if they are started now.

    What the namespace says at this moment, and the meshes' webhooks (those in the configurations, or else
    a default installation's), decide what is injected.
    """
    template = template_of(resource)
    spec = template.spec
    proxies, skipped = inject(resource, namespace, meshes, configurations)
    inherited = {k: v for k, v in annotations_of(namespace).items() if k.startswith("config.linkerd.io/")}
    containers = tuple(map(RunningContainer.of, spec.lasting))
    resolver, gateway = spec.resolver, gateway_of(template)
    return tuple(
        Pod(
            name=name,
            workload=Workload(resource.namespace, resource.name),
            labels=template.metadata.labels,
            annotations={**inherited, **template.metadata.annotations},
            service_account=spec.service_account,
            containers=containers,
            proxies=proxies,
            skipped=skipped,
            ready=len(proxies) < 2,
            gateway=gateway,
            host_network=spec.host_network,
            hostname=hostname,
            subdomain=subdomain,
            resolver=resolver,
        )
        for name in pod_names(resource)
        for hostname, subdomain in (host_names(resource, name),)
    )


def gateway_of(template: PodTemplate) -> Mesh | None:
    """Returns the mesh as whose gateways pods run: injected as such, deployed for a Gateway, or by hand."""
    label, value = gateway_deployment.MANAGED
    runs = (
        template.metadata.annotations.get(marks.ISTIO_TEMPLATES) == "gateway"
        or template.metadata.labels.get(label) == value
        or any({"proxy", "router"} <= set(container.args) for container in template.spec.containers)
    )
    return Mesh.ISTIO if runs else None


def inject(
    resource: Resource, namespace: Resource, meshes: frozenset[Mesh], configurations: Iterable[Resource] = ()
) -> Injected:
    """Returns the proxies of a workload's pods, and what a mesh said that was asked and didn't inject.

    Raises NotModelledError for annotations that take traffic round the proxy, for ambient mode and
    waypoints, and for a revision of Istio that no webhook is known of.
    """
    template = template_of(resource)
    metadata, spec = template.metadata, template.spec
    for owner, labels, said in (
        (resource, metadata.labels, metadata.annotations),
        (namespace, labels_of(namespace), annotations_of(namespace)),
    ):
        refuse_bypasses(owner, said)
        refuse_waypoints(owner, labels, meshes)
        if said.get(marks.LINKERD_INJECT) == "ingress":
            raise not_modelled(owner, f"annotation {marks.LINKERD_INJECT}", "ingress mode routes by a header")
    present = proxies_in(spec)
    skipped: list[tuple[Mesh, str]] = []
    asked = _asked(resource, metadata.labels, namespace, meshes, tuple(configurations))
    if Mesh.ISTIO in asked and Mesh.ISTIO not in present and _istio_wants(metadata, spec, namespace):
        native = metadata.annotations.get("sidecar.istio.io/nativeSidecar") != "false"
        present[Mesh.ISTIO] = Proxy(Mesh.ISTIO, native)
    if Mesh.LINKERD in asked and _linkerd_marked(metadata, namespace):
        obstacles = _linkerd_obstacles(metadata, spec, namespace, present)
        if not obstacles:
            present[Mesh.LINKERD] = Proxy(Mesh.LINKERD, _linkerd_native(metadata, namespace))
        elif Mesh.LINKERD not in present:
            skipped.append((Mesh.LINKERD, f"Linkerd sidecar proxy injection skipped: {', '.join(obstacles)}"))
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
    if labels.get(marks.ISTIO_AMBIENT) == "ambient":
        raise not_modelled(owner, f"label {marks.ISTIO_AMBIENT}", "ambient mode takes the sidecars' place")
    waypoint = next((key for key in marks.ISTIO_WAYPOINTS if labels.get(key, "none") != "none"), None)
    if waypoint:
        raise not_modelled(owner, f"label {waypoint}", "a waypoint decides instead of sidecars")


def proxies_in(spec: PodSpec) -> dict[Mesh, Proxy]:
    """Returns the proxies that a pod's spec itself brings: injected by hand, or at its start."""
    found: dict[Mesh, Proxy] = {}
    for native, containers in ((True, spec.init_containers), (False, spec.containers)):
        names = [container.name for container in containers]
        found |= {mesh: Proxy(mesh, native) for mesh in Mesh if mesh.proxy in names}
    return found


def _asked(
    resource: Resource,
    labels: Mapping[str, str],
    namespace: Resource,
    meshes: frozenset[Mesh],
    configurations: tuple[Resource, ...],
) -> list[Mesh]:
    """The meshes whose webhooks are asked about the pods, which have these labels."""
    if Mesh.ISTIO in meshes and not webhooks.told(Mesh.ISTIO, configurations):
        _refuse_unknown_revisions(resource, labels, namespace)
    return [
        mesh
        for mesh in meshes
        if any(webhooks.asked(one, namespace, labels) for one in webhooks.installed(mesh, configurations))
    ]


def _refuse_unknown_revisions(resource: Resource, of_pod: Mapping[str, str], namespace: Resource) -> None:
    """Raises NotModelledError where a revision or tag is asked and no webhook tells whether it is there."""
    if marks.ISTIO_INJECTION in labels_of(namespace) or of_pod.get(marks.ISTIO_INJECT) == "false":
        return
    for owner, labels in ((namespace, labels_of(namespace)), (resource, of_pod)):
        revision = labels.get(marks.ISTIO_REVISION)
        if revision not in (None, "default"):
            why = f"no MutatingWebhookConfiguration tells whether a revision or tag {revision!r} is installed"
            raise not_modelled(owner, f"label {marks.ISTIO_REVISION}", why)
        if revision:
            return


def _istio_wants(metadata: Metadata, spec: PodSpec, namespace: Resource) -> bool:
    """Whether Istio's injector, once asked, injects [istio/istio: pkg/kube/inject, injectRequired]."""
    declined = marks.choice(Mesh.ISTIO, metadata.labels, metadata.annotations) is False
    return not (spec.host_network or namespace.name in _NEVER_INJECTED or declined)


def _linkerd_choices(metadata: Metadata, namespace: Resource) -> tuple[str, str]:
    """What namespace and pod say about Linkerd's injection, empty for nothing."""
    of_pod = metadata.annotations.get(marks.LINKERD_INJECT)
    return annotations_of(namespace).get(marks.LINKERD_INJECT) or "", of_pod or ""


def _linkerd_marked(metadata: Metadata, namespace: Resource) -> bool:
    """Whether namespace or pod say more than no."""
    return any(choice not in ("", "disabled") for choice in _linkerd_choices(metadata, namespace))


def _linkerd_obstacles(
    metadata: Metadata, spec: PodSpec, namespace: Resource, present: Mapping[Mesh, Proxy]
) -> list[str]:
    """Why Linkerd's injector leaves a pod alone [linkerd/linkerd2: pkg/inject/report.go]."""
    of_namespace, of_pod = _linkerd_choices(metadata, namespace)
    found = []
    if spec.host_network:
        found.append("hostNetwork is enabled")
    if present or any(container.name in _INIT_CONTAINERS for container in spec.init_containers):
        found.append("pod has a sidecar injected already")
    for choice, place in ((of_namespace, "namespace"), (of_pod, "workload")):
        if choice and choice not in _LINKERD_CHOICES:
            return [*found, f'invalid value for annotation "{marks.LINKERD_INJECT}" at {place}']
    if of_pod == "disabled":
        found.append(f'pod has the annotation "{marks.LINKERD_INJECT}:disabled"')
    return found


def _linkerd_native(metadata: Metadata, namespace: Resource) -> bool:
    sources = (metadata.annotations, annotations_of(namespace))
    said = next((source[key] for source in sources for key in _LINKERD_NATIVE if key in source), "true")
    return said != "false"

"""Istio's Gateways, and the VirtualServices bound to them, as Gateways and routes of the Gateway API.

They stay with Istio's ingress gateway, whose pods Linkerd then meshes: class `istio`, at its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.texts import free
from harness.analysis.translate.route.routes import GATEWAY_API as API
from harness.analysis.translate.staying import CLASS, INGRESS
from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import KubernetesGateway, class_of
from harness.api.istio.gateway import HTTP, IstioGateway
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.api.kubernetes.workload import PodController
from harness.base.resources import ObjectName
from harness.base.vocabulary import CLUSTER_DOMAIN, ROOT_NAMESPACE
from harness.manifests.patching import Patch
from harness.model.network.services import service_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.translate.draft import Draft, Fields
    from harness.api.istio.gateway import Server
    from harness.base.resources import Resource

_ANNOTATION = "/spec/template/metadata/annotations"
_DEFAULT_PORTS = {8080: 80, 8443: 443}
"""The default installation's Service: ports by what they lead to."""
_MODE = "gateway.istio.io/tls-terminate-mode"
"""The option by which class `istio` takes Istio's other modes of TLS [istio.io: kubernetes-gateway-api]."""


_READ = ("HTTP", "HTTPS")
"""The protocols of listeners that HTTPRoutes attach to."""


def translate(draft: Draft) -> None:
    """Translates all Gateways; the draft then has them by `namespace/name`."""
    for resource in draft.estate.all(*IstioGateway.KIND):
        _gateway(draft, resource)


def parent_of(draft: Draft, resource: Resource, gateway: str, port: int | None = None) -> Fields:
    """Returns the parentRef of an object's route at a Gateway, by `namespace/name`, known or not."""
    namespace, _, name = gateway.rpartition("/")
    if made := draft.gateways.get(gateway):
        namespace, name = made.namespace, made.name
    else:
        known = ("networking.istio.io", "Gateway", namespace, name) in draft.estate.keys
        code = "unknown-gateway.empty" if known else "unknown-gateway"
        draft.report(code, resource, "spec.gateways", name=gateway)
    parent: Fields = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}
    parent |= {"namespace": namespace} if namespace != resource.namespace else {}
    return parent | ({"port": port} if port else {})


def parents_of(draft: Draft, resource: Resource, gateway: str) -> list[Fields]:
    """Returns the parentRefs of an object's HTTPRoute at a Gateway: its listeners that don't redirect.

    A more specific match would win over the redirect of all requests [Gateway API: HTTPRouteRule].
    """
    parent = parent_of(draft, resource, gateway)
    sections = draft.sections.get(gateway)
    return [parent] if sections is None else [{**parent, "sectionName": name} for name in sections]


@dataclass(frozen=True)
class Front:
    """The Service before a gateway's pods, which may be known by name alone."""

    namespace: str
    name: str
    service: Resource | None = None


def _gateway(draft: Draft, resource: Resource) -> None:
    reading = IstioGateway.of(resource)
    front = _front(draft, reading.selector)
    # Istio serves a Gateway at a Service of the Gateway's own namespace only.
    namespace = front.namespace if front else resource.namespace
    listeners: dict[str, Fields] = {}
    taken: dict[tuple[int, str], str] = {}
    redirected: list[str] = []
    for server in reading.servers:
        redirects = server.tls.https_redirect
        for listener in _listeners(draft, server, front, namespace):
            place = (listener["port"], listener.get("hostname", "*"))
            own = taken.setdefault(place, free(listener["name"], listeners))
            if listeners.setdefault(own, {**listener, "name": own}) != {**listener, "name": own}:
                draft.report("gateway-server", server, port=place[0], host=place[1], first=own)
                continue  # the API refuses a second one
            if redirects and listener["protocol"] == "HTTP":
                redirected.append(own)
                draft.report("https-redirect", server.tls, "httpsRedirect")
    draft.finish(reading)
    if not listeners:
        return
    spec: Fields = {"gatewayClassName": CLASS}
    if front:
        address = f"{front.name}.{front.namespace}.svc.{CLUSTER_DOMAIN}"
        spec["addresses"] = [{"type": "Hostname", "value": address}]
        service = f"{front.namespace}/{front.name}"
        draft.report("gateway-class", resource, "spec.selector", name=CLASS, service=service)
    else:
        own = f"{namespace}/{resource.name}-{CLASS}"
        draft.report("gateway-class.own", resource, "spec.selector", service=own)
        draft.report("gateway-plaintext", resource, "spec.selector")
    spec["listeners"] = list(listeners.values())
    key = f"{resource.namespace}/{resource.name}"
    draft.gateways[key] = draft.add(API, "Gateway", namespace, resource.name, spec, (resource,))
    if redirected:
        parent = parent_of(draft, resource, key)
        parents = [{**parent, "sectionName": name} for name in redirected]
        draft.sections[key] = tuple(
            name for name, each in listeners.items() if name not in redirected and each["protocol"] in _READ
        )
        to_tls = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        rule = {"parentRefs": parents, "rules": [{"filters": [to_tls]}]}
        draft.add(API, "HTTPRoute", resource.namespace, f"{resource.name}-to-https", rule, (resource,))


def _front(draft: Draft, selector: Mapping[str, str]) -> Front | None:
    """The Service before the pods that a Gateway selects; the default installation's needn't be known."""
    for service in draft.estate.services.values():
        chosen = Service.kept(service).selector
        if selector and chosen and selects(selector, chosen):
            return Front(service.namespace, service.name, service)
    return Front(ROOT_NAMESPACE, "istio-ingressgateway") if selector == INGRESS else None


def _listeners(draft: Draft, server: Server, front: Front | None, gateway_namespace: str) -> list[Fields]:
    service = front.service if front else None
    port = server.required("port").port.required("number")
    number = port.number or 0
    name = (server.name or port.name or f"port-{number}").lower()
    tls = _tls(draft, server)
    if tls is None:
        server.leave()
        return []
    plain = "HTTP" if server.protocol in HTTP else "TCP"
    ended = "TLS" if server.protocol == "TLS" else "HTTPS"
    kind = {"Terminate": ended, "Passthrough": "TLS"}.get(tls.get("mode", ""), plain)
    listeners = []
    for allowed, host_name in server.open_to or (("*", "*"),):
        listener: Fields = {"name": name, "port": _port(number, service), "protocol": kind}
        if host_name != "*" and kind != "TCP":
            listener["hostname"] = host_name
        if tls:
            listener["tls"] = tls
        listener["allowedRoutes"] = {"namespaces": _from(allowed, gateway_namespace)}
        listeners.append(listener)
    if front and service is None and number in _DEFAULT_PORTS:
        draft.report("gateway-port", port, "number", port=number, front=_DEFAULT_PORTS[number])
    return listeners


def _from(namespace: str, own: str) -> Fields:
    if namespace == "*":
        return {"from": "All"}
    if namespace == own:
        return {"from": "Same"}
    return {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _port(number: int, service: Resource | None) -> int:
    """The Service's port of a server: its own number, else the one that leads to it."""
    if service is None:
        return _DEFAULT_PORTS.get(number, number)
    ports = service_ports(service)
    if any(port.number == number for port in ports):
        return number
    return next((port.number for port in ports if port.target == number), number)


def _tls(draft: Draft, server: Server) -> Fields | None:
    """A listener's TLS: {} for none, None for one that it can't say, which is reported."""
    tls = server.tls
    if server.protocol in HTTP:  # TLS settings of such a server only redirect
        tls.leave()
        return {}
    mode = tls.mode or {"HTTPS": "SIMPLE", "TLS": "PASSTHROUGH"}.get(server.protocol)
    match mode:
        case None:
            return {}
        case "PASSTHROUGH":
            return {"mode": "Passthrough"}
        case "ISTIO_MUTUAL":
            return {"mode": "Terminate", "options": {_MODE: mode}}
        case "SIMPLE" | "MUTUAL":
            options = {"options": {_MODE: mode}} if mode == "MUTUAL" else {}
        case _:
            draft.report("gateway-tls.kind", tls, "mode", mode=mode)
            return None
    if not tls.credentials:
        draft.report("gateway-tls.certificate", tls)
        return None
    secrets = [{"kind": "Secret", "name": secret} for secret in tls.credentials]
    return {"mode": "Terminate", "certificateRefs": secrets, **options}


def mesh(draft: Draft) -> None:
    """Adds a patch for each gateway of Istio's; reports those that can't be patched.

    Its container is renamed, since `istio-proxy` keeps Linkerd out. That of pods which Istio deploys for a
    Gateway of the Gateway API can't be.
    """
    for gateway in draft.estate.all(GROUP, "Gateway"):
        if class_of(gateway) == CLASS and KubernetesGateway.of(gateway).is_deployed:
            draft.report("gateway-plaintext", gateway, "spec.gatewayClassName")
    selected: dict[tuple[str, str], tuple[Resource | None, Resource]] = {}
    for gateway in draft.estate.all(*IstioGateway.KIND):
        selector = IstioGateway.of(gateway).selector
        deployed = [
            workload.resource
            for workload in draft.estate.workloads
            if selector and selects(selector, workload.labels)
        ]
        for workload in deployed:
            selected.setdefault((workload.namespace, workload.name), (workload, gateway))
        if not deployed and selector == INGRESS:
            selected.setdefault((ROOT_NAMESPACE, "istio-ingressgateway"), (None, gateway))
    for own in (workload.resource for workload in draft.estate.workloads if workload.is_gateway):
        selected.setdefault((own.namespace, own.name), (own, own))
    for name, (resource, origin) in selected.items():
        index, annotated = _container(draft, resource, origin)
        if index is not None:
            container = f"/spec/template/spec/containers/{index}/name"
            operations: list[dict[str, Any]] = [
                {"op": "test", "path": container, "value": "istio-proxy"},
                {"op": "replace", "path": container, "value": "istio-gateway"},
                *([] if annotated else [{"op": "add", "path": _ANNOTATION, "value": {}}]),
                {"op": "add", "path": f"{_ANNOTATION}/linkerd.io~1inject", "value": "enabled"},
            ]
            draft.patches.append(Patch(ObjectName("Deployment", *name), operations=tuple(operations)))


def _container(draft: Draft, resource: Resource | None, origin: Resource) -> tuple[int | None, bool]:
    """The place of the container to rename (None: it can't be), and whether the pods have annotations."""
    if resource is None:
        draft.report("ingress-gateway", origin, "spec.selector")
        return 0, True
    template = PodController.of(resource).template
    annotated = bool(template.metadata.annotations)
    for index, container in enumerate(template.spec.containers):
        if container.name == "istio-proxy":
            if container.image != "auto":
                return index, annotated
            draft.report("ingress-gateway.injected", container, "name")
            return None, annotated
    draft.report("ingress-gateway.injected", template.spec, "containers")
    return None, annotated

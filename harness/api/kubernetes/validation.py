"""What the API server refuses, beyond the form of single fields."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api import validation as gateway_validation
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.network_policy import NetworkPolicy
from harness.api.kubernetes.service import Service
from harness.api.kubernetes.workload import PodController, replicas
from harness.api.refusal import Refused
from harness.base.errors import not_modelled
from harness.base.networks import is_address

if TYPE_CHECKING:
    from harness.api.kubernetes.ingress import HTTPIngressPath, IngressBackend
    from harness.base.resources import Resource


MAX_REPLICAS = 1000
"""Pods of one workload that the model follows one by one."""


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAMES = {
    "Service": (
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character",
    ),
    "Namespace": (
        _LABEL,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
        "start and end with an alphanumeric character",
    ),
}
_SUBDOMAIN = (
    rf"{_LABEL}(\.{_LABEL})*",
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character",
)
"""What a name can be, and how the API server says so [Kubernetes: Object Names and IDs]."""


_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
"""What the path of an Ingress mustn't have, unless its type leaves all to the controller."""


def validate_name(resource: Resource) -> None:
    """Raises Refused for a name, or a namespace's, that can't be one; roles may be called anything."""
    own = _NAMES.get(resource.kind, _SUBDOMAIN) if resource.group in ("", "apps") else _SUBDOMAIN
    places = [("namespace", resource.namespace, _NAMES["Namespace"])]
    if resource.group != "rbac.authorization.k8s.io":
        places.append(("name", resource.name, own))
    for field, name, (form, words) in places:
        if name and not re.fullmatch(form, name):
            raise Refused.invalid(
                resource, f"metadata.{field}", f"Invalid value: {json.dumps(name)}: {words}"
            )


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does, NotModelledError for a workload of too many pods."""
    if resource.kind == "Service":
        _service(resource)
    elif resource.group == "apps":
        _workload(resource)
    elif resource.kind == "NetworkPolicy":
        _network_policy(resource)
    elif resource.kind == "Ingress":
        _ingress(resource)
    elif resource.group == GROUP:
        gateway_validation.validate(resource)


def _service(resource: Resource) -> None:
    service = Service.of(resource)
    if service.is_alias and not service.external_name:
        raise Refused.invalid(resource, service.at("externalName"), "Required value")
    if not (service.ports or service.is_alias or service.headless):
        raise Refused.invalid(resource, service.at("ports"), "Required value")
    for port in service.ports:
        if len(service.ports) > 1 and not port.name:
            raise Refused.invalid(resource, port.at("name"), "Required value")


def _workload(resource: Resource) -> None:
    controller = PodController.kept(resource)
    selector, metadata = controller.selector, controller.template.metadata
    if selector.is_empty or not selector.selects(metadata.labels):
        words = f"Invalid value: {json.dumps(metadata.labels)}: `selector` does not match template `labels`"
        raise Refused.invalid(resource, metadata.at("labels"), words)
    refuse_many_pods(resource)


def refuse_many_pods(resource: Resource) -> None:
    """Raises NotModelledError for a workload of too many pods."""
    if replicas(resource) > MAX_REPLICAS:
        raise not_modelled(resource, "spec.replicas", f"more than {MAX_REPLICAS} pods")


def _network_policy(resource: Resource) -> None:
    policy = NetworkPolicy.of(resource)
    for rule in (*policy.ingress, *policy.egress):
        for peer in rule.peers:
            if not peer:
                raise Refused.invalid(resource, peer.path, "Required value: must specify a peer")
            if peer.has("ipBlock") and len(peer.data) > 1:
                words = "Forbidden: may not specify both ipBlock and another peer"
                raise Refused.invalid(resource, peer.path, words)
        for port in rule.ports:
            if words := _range_fault(port.port, port.end):
                raise Refused.invalid(resource, port.at("endPort"), f"Invalid value: {words}")


def _ingress(resource: Resource) -> None:
    ingress = Ingress.of(resource)
    if not ingress.rules and ingress.default_backend is None:
        words = "Invalid value: []: either `defaultBackend` or `rules` must be specified"
        raise Refused.invalid(resource, ingress.at("rules"), words)
    if ingress.default_backend is not None:
        _backend(ingress.default_backend)
    for tls in ingress.tls:
        for index, host in enumerate(tls.hosts):
            _host(resource, tls.entry("hosts", index), host)
    for rule in ingress.rules:
        _host(resource, rule.at("host"), rule.host)
        for path in rule.http.paths if rule.http else ():
            _path(path)
            _backend(path.backend)


def _host(resource: Resource, field: str, host: str) -> None:
    """Raises Refused for a host that is no DNS name, perhaps with `*` as its first label."""
    words = "must be a DNS name, not an IP address" if is_address(host) else ""
    if not words and host and not re.fullmatch(_SUBDOMAIN[0], host.removeprefix("*.")):
        words = _SUBDOMAIN[1]
    if words:
        raise Refused.invalid(resource, field, f"Invalid value: {json.dumps(host)}: {words}")


def _path(path: HTTPIngressPath) -> None:
    text, loose = path.text, path.path_type == "ImplementationSpecific"
    unlike = [part for part in _NOT_IN_PATHS if part in text]
    words = f"must not contain '{unlike[0]}'" if unlike else ""
    if ending := next((each for each in ("/..", "/.") if text.endswith(each)), ""):
        words = words or f"cannot end with '{ending}'"
    words = "" if loose else words
    if not text.startswith("/") and not (loose and not text):
        words = "must be an absolute path"
    if words:
        raise Refused.invalid(path.resource, path.at("path"), f"Invalid value: {json.dumps(text)}: {words}")


def _backend(backend: IngressBackend) -> None:
    service, object_ = backend.service, backend.object
    words = ""
    if service is None:
        words = "" if object_ else "Required value: resource or service backend is required"
    elif object_ is not None:
        words = "Invalid value: cannot set both resource and service backends"
    elif service.port.number and service.port.name:
        words = "Invalid value: cannot set both port name & port number"
    elif not (service.port.number or service.port.name):
        words = "Required value: port name or number is required"
    if words:
        raise Refused.invalid(backend.resource, backend.path, words)


def _range_fault(port: int | str | None, end: int | None) -> str:
    if end is None:
        return ""
    if not isinstance(port, int):
        what = "not specified" if port is None else "non-numeric"
        return f"{end}: may not be specified when `port` is {what}"
    return f"{port}: must be greater than or equal to `port`" if end < port else ""

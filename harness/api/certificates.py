"""Secrets with certificates of gateways: who names them, and those that manifests needn't hold."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api.gateway import KubernetesGateway, ListenerSet
from harness.api.istio.destination_rule import KIND as DESTINATION_RULE
from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.ingress import served
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.secret import KIND
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.workload import is_workload, template_of
from harness.base.resources import Resource
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.manifests.self_signed import ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_READINGS: Mapping[tuple[str, str], type[KubernetesGateway | ListenerSet]] = {
    each.KIND: each for each in (KubernetesGateway, ListenerSet)
}

MAKERS = (
    ("cert-manager.io", "Certificate"),
    ("external-secrets.io", "ExternalSecret"),
    ("bitnami.com", "SealedSecret"),
)
"""Kinds by which a controller makes Secrets."""

_INGRESS = {"istio": "ingressgateway"}
"""The label of the pods that serve Ingresses, by default."""

_ANY_HOST = "harness.invalid"
"""The host of a certificate for a server that is for any host [RFC 2606]."""

Key = tuple[str, str]
"""A Secret's namespace and name."""


def credential(namespace: str, name: str) -> Key:
    """Returns namespace and name of a Secret of Istio's: it may be written with its namespace."""
    own, _, short = name.removeprefix("kubernetes://").removeprefix("kubernetes-gateway://").rpartition("/")
    return own or namespace, short


def named(resources: Iterable[Resource]) -> Mapping[Key, frozenset[str]]:
    """Returns the Secrets that gateways of these objects name, each with the hosts that it is for."""
    resources = tuple(resources)
    hosts: defaultdict[Key, frozenset[str]] = defaultdict(frozenset)
    for secret, host in _named(resources):
        hosts[secret] |= {host}
    return hosts


def _named(resources: Sequence[Resource]) -> Iterator[tuple[Key, str]]:
    for resource in resources:
        if resource.key[:2] == IstioGateway.KIND:
            gateway = IstioGateway.of(resource)
            homes = _homes(resources, gateway.selector)
            for server in gateway.servers:
                for name in server.tls.credentials:
                    for home in homes if "://" not in name or name.startswith("kubernetes") else ():
                        yield from ((credential(home, name), host) for _, host in server.open_to)
        elif resource.key[:2] == Ingress.KIND:
            yield from _of_ingress(resource, resources)
        elif reading := _READINGS.get((resource.group, resource.kind)):
            for listener in reading.of(resource).listeners:
                for secret in listener.tls.certificates if listener.tls else ():
                    if secret.is_secret:
                        yield (secret.namespace, secret.name), listener.hostname


def _of_ingress(ingress: Resource, resources: Sequence[Resource]) -> Iterator[tuple[Key, str]]:
    """The Secrets of an Ingress that Istio's gateway goes by: they are in the gateway's namespace."""
    if ingress in served(resources):
        for tls in Ingress.kept(ingress).tls:
            for home in _homes(resources, _INGRESS) if tls.secret_name else ():
                yield from ((credential(home, tls.secret_name), host) for host in tls.hosts or ("*",))


def _trusted(resources: Sequence[Resource]) -> Iterator[Key]:
    """The Secrets by which proxies begin TLS: gateways', or those of the clients that a rule is for."""
    gateways = [each for each in resources if each.key[:2] == IstioGateway.KIND]
    homes = {home for each in gateways for home in _homes(resources, IstioGateway.of(each).selector)}
    for rule in (DestinationRule.of(each) for each in resources if each.key[:2] == DESTINATION_RULE):
        for name in (policy.tls.credential_name for policy in rule.policies if policy.tls):
            own = homes if rule.workload_selector is None else {rule.resource.namespace}
            yield from (credential(home, name) for home in sorted(own) if name and "configmap:" not in name)


def _homes(resources: Sequence[Resource], selector: Mapping[str, str]) -> tuple[str, ...]:
    """The namespaces of the pods that a Gateway selects; an installation's own, if no manifest has any."""
    workloads = (each for each in resources if is_workload(each))
    homes = (each.namespace for each in workloads if selects(selector, template_of(each).metadata.labels))
    return tuple(dict.fromkeys(homes)) or (ROOT_NAMESPACE,)


def assumed(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Returns the Secrets that gateways name and that are taken to be there: keys are seldom among manifests.

    If there is any Secret in a namespace, the manifests are taken to hold all of it, unless a controller
    makes some. What is in them is made where a cluster needs it (`manifests.self_signed`).
    """
    resources = tuple(resources)
    held = {(each.namespace, each.name) for each in resources if each.key[:2] == KIND}
    made = {each.namespace for each in resources if each.key[:2] in MAKERS}
    complete = {namespace for namespace, _ in held} - made
    wanted = {**dict.fromkeys(_trusted(resources), frozenset[str]()), **named(resources)}
    return tuple(
        _secret(*secret, hosts)
        for secret, hosts in wanted.items()
        if secret not in held and secret[0] not in complete
    )


def _secret(namespace: str, name: str, hosts: frozenset[str]) -> Resource:
    listed = " ".join(sorted(hosts - {"*"})) or _ANY_HOST
    metadata = {"name": name, "namespace": namespace, "annotations": {ANNOTATION: listed}}
    data: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": KIND[1],
        "metadata": metadata,
        "type": "kubernetes.io/tls",
    }
    return Resource("v1", KIND[1], namespace, name, data)


def assumption(secrets: Iterable[Resource]) -> str:
    """Returns the line that tells which Secrets are taken to be there, empty for none."""
    listed = ", ".join(dict.fromkeys(map(str, secrets)))
    return f"taken to be there, with certificates for their hosts: {listed}" if listed else ""

"""Who may reach which port: Servers, their routes and default policies, as policies of Istio's that deny.

A Server is for one port, and another port's policy is none of its business. Policies of Istio's that allow
close every other port of the pods that they select; those that deny don't. So each port's is one that denies
whom Linkerd lets in by no authorization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.to_istio import requests
from harness.analysis.translate.to_istio.clients import Authorizations, Clients, refused
from harness.analysis.translate.to_istio.condition import Literal, Unsayable, both, negated, rule
from harness.api.gateway_api.route import Route
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.pod import port_of
from harness.api.kubernetes.workload import template_of
from harness.api.linkerd import POLICIES
from harness.api.linkerd.annotation import DEFAULT_POLICY
from harness.api.linkerd.linkerd_config import LinkerdConfig
from harness.api.linkerd.policy import NAMESPACE, OPAQUE, ROUTES, SERVER, UNKNOWN, LinkerdServer
from harness.base.vocabulary import PLATFORM
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Deployed
    from harness.analysis.translate.to_istio.condition import Product
    from harness.base.resources import Resource

_SECURITY = "security.istio.io/v1"


@dataclass(frozen=True)
class _Target:
    """Pods of a namespace by labels (none: all), a port of theirs, and paths that their probes ask for.

    `name` is that of the policy.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    port: int
    probes: tuple[str, ...]


def translate(draft: Draft) -> None:
    """Writes a policy for each Server, and for each workload's default policy."""
    settings = LinkerdConfig.of(draft.estate.linkerd_config_map)
    authorizations = Authorizations(draft, settings)
    servers = [LinkerdServer.of(resource) for resource in draft.estate.all(*SERVER)]
    routes = _by_server(draft)
    owners: dict[tuple[Resource, int], LinkerdServer] = {}
    for server in servers:
        _server(draft, authorizations, server, routes.get(server.resource.key[2:], []), owners)
    _defaults(draft, authorizations, settings, {(key[0].key, key[1]) for key in owners})
    authorizations.finish()
    for server in servers:
        draft.finish(server)


def _by_server(draft: Draft) -> dict[tuple[str, str], list[Route]]:
    """The routes on each Server, older first."""
    every = (Route.of(resource) for kind in ROUTES for resource in draft.estate.all(*kind))
    return grouped(
        ((parent.namespace, parent.name), route)
        for route in every
        for parent in route.parents
        if (parent.group, parent.kind) == SERVER and parent.namespace == route.resource.namespace
    )


def _server(
    draft: Draft,
    authorizations: Authorizations,
    server: LinkerdServer,
    routes: list[Route],
    owners: dict[tuple[Resource, int], LinkerdServer],
) -> None:
    resource = server.resource
    if server.for_machines:
        draft.report("to-istio.kind", resource, "spec.externalWorkloadSelector", kind="Server for machines")
        return
    if server.protocol != UNKNOWN:
        draft.report("to-istio.protocol", server, "proxyProtocol", protocol=server.protocol)
    selected = [
        workload
        for workload in draft.estate.deployed.get(resource.namespace, ())
        if server.pod_selector.selects(workload.labels)
    ]
    ports = [(workload, _port(workload, server)) for workload in selected]
    own = [(workload, port) for workload, port in ports if port is not None]
    kept = [(workload, port) for workload, port in own if (workload.resource, port) not in owners]
    access = server.access_policy
    for older in dict.fromkeys(owners.get((workload.resource, port), server) for workload, port in own):
        if older is not server and server.protocol == OPAQUE != older.protocol:
            draft.report("to-istio.protocol", older, "podSelector", protocol=f"the opaque one of {resource}")
    owners |= {(workload.resource, port): server for workload, port in kept}
    if not kept:
        code = "to-istio.shadowed" if own else "to-istio.nobody"
        draft.report(code, resource, "spec.podSelector")
        return
    whole = len(kept) == len(selected) and not server.pod_selector.match_expressions
    for target in dict.fromkeys(_targets(server, kept, whole=whole)):
        clients = [
            *authorizations.of_default(access, ()),
            *_on_server(authorizations, resource),
        ]
        origins = [resource, *(origin for each in clients for origin in each.origins)]
        try:
            if routes:
                rules = _by_request(authorizations, clients, routes, origins)
                draft.report("to-istio.untaken", resource, "spec.port")
            else:
                rules = both([refused(clients), _unprobed(target.probes)])
        except Unsayable as error:
            draft.report("to-istio.closed", resource, "spec.port", problem=str(error))
            rules = ((),)
        here = {"ports": [str(target.port)]}
        _write(draft, resource.namespace, target.name, target.labels, here, rules, origins)


def _port(workload: Deployed, server: LinkerdServer) -> int | None:
    return port_of(server.port, template_of(workload.resource).spec.named_ports)


def _targets(server: LinkerdServer, kept: list[tuple[Deployed, int]], *, whole: bool) -> list[_Target]:
    """The pods that a policy is for: as the Server selects them where all are alike, else each workload's."""
    alike = {(port, _probes(workload, port)) for workload, port in kept}
    name = server.resource.name
    if whole and len(alike) == 1:
        port, probes = next(iter(alike))
        return [_Target(name, tuple(sorted(server.pod_selector.match_labels.items())), port, probes)]
    return [
        _Target(f"{name}-{workload.resource.name}", _labels(workload), port, _probes(workload, port))
        for workload, port in kept
    ]


def _probes(workload: Deployed, port: int) -> tuple[str, ...]:
    return tuple(sorted({path for number, path in workload.probes if number == port}))


def _labels(workload: Deployed) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(workload.labels.items()))


def _on_server(authorizations: Authorizations, server: Resource) -> list[Clients]:
    """Whom authorizations of a Server let in, and those of its namespace."""
    made = []
    for older in authorizations.older:
        choice = older.server
        if older.resource.namespace == server.namespace and choice.includes(server):
            made.append(authorizations.of_older(older))
    for policy in authorizations.policies:
        target = policy.target
        named = target.name == server.name and target.means == SERVER
        if policy.resource.namespace == server.namespace and (named or target.means == NAMESPACE):
            made.append(authorizations.of_policy(policy))
    return [clients for clients in made if clients]


def _on_route(authorizations: Authorizations, route: Resource) -> list[Clients]:
    made = [
        authorizations.of_policy(policy)
        for policy in authorizations.policies
        if policy.resource.namespace == route.namespace
        and policy.target.means == (route.group, route.kind)
        and policy.target.name.lower() == route.name.lower()
    ]
    return [clients for clients in made if clients]


def _by_request(
    authorizations: Authorizations, clients: list[Clients], routes: list[Route], origins: list[Resource]
) -> tuple[Product, ...]:
    """The requests that are refused where routes are on a Server: those that none takes, too."""
    every = requests.parts(routes)
    denied = list(requests.untaken(every))
    for route in routes:
        own = _on_route(authorizations, route.resource)
        origins += [route.resource, *(origin for each in own for origin in each.origins)]
        others = refused([*clients, *own])
        for index, part in enumerate(every):
            if part.route is route:
                denied += both([requests.taken(every, index), others])
    return tuple(dict.fromkeys(denied))


def _unprobed(probes: tuple[str, ...]) -> tuple[Product, ...]:
    """All requests but those of probes, which Linkerd lets everybody make."""
    return both([negated((Literal("methods", ("GET",)), Literal("paths", (path,)))) for path in probes])


def _defaults(
    draft: Draft, authorizations: Authorizations, settings: LinkerdConfig, served: set[tuple[Any, int]]
) -> None:
    """Writes what default policies deny, at the ports of each workload that no Server selects."""
    for namespace, workloads in draft.estate.deployed.items():
        if namespace in PLATFORM:
            continue
        declared = draft.estate.namespaces.get(namespace)
        for workload in workloads:
            pods = template_of(workload.resource).metadata
            written = pods.annotations.get(DEFAULT_POLICY) or (
                annotations_of(declared).get(DEFAULT_POLICY) if declared else None
            )
            policy = written if written in POLICIES else settings.default_policy
            clients = authorizations.of_default(policy, ())
            ports = sorted(port for key, port in served if key == workload.resource.key)
            rules = refused(clients)
            if not rules:
                continue
            probes = tuple(sorted({path for number, path in workload.probes if number not in ports}))
            name = f"{workload.resource.name}-default"
            origins = [workload.resource, *([declared] if declared else [])]
            others = {"notPorts": [str(port) for port in ports]} if ports else {}
            rules = both([rules, _unprobed(probes)])
            _write(draft, namespace, name, _labels(workload), others, rules, origins)


def _write(
    draft: Draft,
    namespace: str,
    name: str,
    labels: tuple[tuple[str, str], ...],
    ports: Mapping[str, list[str]],
    denied: tuple[Product, ...],
    origins: list[Resource],
) -> None:
    if not denied:
        return
    at = tuple(Literal(key, tuple(values)) for key, values in ports.items())
    spec: dict[str, Any] = {"selector": {"matchLabels": dict(labels)}} if labels else {}
    spec |= {"action": "DENY", "rules": [rule((*at, *each)) for each in denied]}
    draft.add(_SECURITY, "AuthorizationPolicy", namespace, name, spec, dict.fromkeys(origins))

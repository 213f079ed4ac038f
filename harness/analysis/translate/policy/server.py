"""Servers, and who may do what on them: routes, authorizations and authentications of Linkerd's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.policy.clients import ACCESS, EVERYBODY, EVERYWHERE, MESHED, Clients, Network
from harness.analysis.translate.route.routes import MAX_MATCHES, http_match
from harness.api.node import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate.draft import Draft, Fields
    from harness.analysis.translate.estate import PodPort
    from harness.analysis.translate.policy.admission import Admission, Rules
    from harness.base.resources import Resource

_POLICY = "policy.linkerd.io"
SERVER = ROUTE = f"{_POLICY}/v1beta3"
AUTHORIZATION = f"{_POLICY}/v1alpha1"


def add(
    draft: Draft,
    namespace: str,
    name: str,
    selector: Mapping[str, Any],
    port: PodPort,
    admission: Admission,
    own: Rules,
) -> None:
    """Adds a Server; where its requests fare differently, a route for each part, finer ones first.

    The last route takes all that is left, so that what nobody may do is 403 and not 404.
    """
    origins = own.origins(port.number)
    spec: Fields = {"podSelector": dict(selector), "port": port.number}
    if port.opaque:
        spec["proxyProtocol"] = "opaque"
    access = ACCESS.get(admission.parts[0].clients, "") if admission.uniform else ""
    if access not in ("", "deny"):
        spec["accessPolicy"] = access
    server = draft.add(SERVER, "Server", namespace, name, spec, origins)
    if access:
        return
    if admission.uniform:
        _authorize(draft, server, admission.parts[0].clients, own, origins)
        return
    runs: list[tuple[tuple[Clients, ...], list[Fields]]] = []
    level = any(part.match.path for part in admission.parts)
    for part in admission.parts:
        match = http_match(part.match, level=level)
        if runs and runs[-1][0] == part.clients and match and len(runs[-1][1]) < MAX_MATCHES:
            runs[-1][1].append(match)
        else:
            runs.append((part.clients, [match]))
    for index, (clients, matches) in enumerate(runs, 1):
        rule = {"matches": matches} if matches != [{}] else {}
        spec = {"parentRefs": [_reference(server)], "rules": [rule]}
        route = draft.add(ROUTE, "HTTPRoute", namespace, f"{server.name}-{index:02}", spec, origins)
        _authorize(draft, route, clients, own, origins)


def _authorize(
    draft: Draft, target: Resource, sets: Iterable[Clients], own: Rules, origins: tuple[Resource, ...]
) -> None:
    """Adds an AuthorizationPolicy of a Server or route for each set of clients; none are nobody."""
    namespace, domain = target.namespace, draft.estate.linkerd_trust_domain
    for clients in sets:
        specs: dict[str, Fields] = {}
        if clients.identities is not None:
            identities = sorted(identity.linkerd(domain) for identity in clients.identities)
            specs["MeshTLSAuthentication"] = {"identities": identities}
        networks = EVERYWHERE if clients == EVERYBODY else clients.networks
        if networks is not None:
            specs["NetworkAuthentication"] = {"networks": [_network(network) for network in networks]}
        called = _name_for(own, clients)
        references = [
            _reference(_shared(draft, kind, namespace, spec, called, origins)) for kind, spec in specs.items()
        ]
        spec = {"targetRef": _reference(target), "requiredAuthenticationRefs": references}
        draft.add(AUTHORIZATION, "AuthorizationPolicy", namespace, target.name, spec, origins)


def _reference(resource: Resource) -> Fields:
    return {"group": _POLICY, "kind": resource.kind, "name": resource.name}


def _name_for(own: Rules, clients: Clients) -> str:
    """The name of the policy that speaks of these clients, if one does."""
    for policy in own.policies:
        if any(clients in permission.clients for permission in policy.permissions):
            return policy.resource.name
    return "everybody" if clients == EVERYBODY else "meshed" if clients == MESHED else "clients"


def _shared(
    draft: Draft, kind: str, namespace: str, spec: Fields, name: str, origins: tuple[Resource, ...]
) -> Resource:
    """Returns the authentication that says this, a new one if there is none in the namespace yet."""
    for authentication in draft.made(AUTHORIZATION, kind, namespace):
        if Spec.of(authentication).data == spec:
            return authentication
    return draft.add(AUTHORIZATION, kind, namespace, name, spec, origins)


def _network(network: Network) -> Fields:
    return {"cidr": network.block} | ({"except": list(network.excepted)} if network.excepted else {})

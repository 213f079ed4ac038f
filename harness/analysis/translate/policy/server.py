"""Servers, and who may do what on them: routes, authorizations and authentications of Linkerd's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.policy.clients import ACCESS, EVERYBODY, EVERYWHERE, MESHED, Clients, Network
from harness.analysis.translate.route.routes import MAX_MATCHES, http_match
from harness.api.node import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import PodPort
    from harness.analysis.translate.policy.admission import Admission
    from harness.analysis.translate.policy.rules import Rules
    from harness.base.resources import Resource

_POLICY = "policy.linkerd.io"
SERVER, ROUTE = f"{_POLICY}/v1beta3", f"{_POLICY}/v1beta3"
AUTHORIZATION = f"{_POLICY}/v1alpha1"

Fields = dict[str, Any]


def add(
    draft: Draft,
    namespace: str,
    name: str,
    selector: Mapping[str, Any],
    port: PodPort,
    found: Admission,
    own: Rules,
) -> None:
    """Adds a Server; where its requests fare differently, a route for each part, finer ones first.

    The last route takes all that is left, so that what nobody may do is 403 and not 404.
    """
    origins = own.origins(port.number)
    spec: Fields = {"podSelector": dict(selector), "port": port.number}
    if port.opaque:
        spec["proxyProtocol"] = "opaque"
    if found.uniform and (access := ACCESS.get(found.parts[0].clients)):
        if access != "deny":
            spec["accessPolicy"] = access
        draft.add(SERVER, "Server", namespace, name, spec, origins)
        return
    made = draft.add(SERVER, "Server", namespace, name, spec, origins)
    if found.uniform:
        target = {"group": _POLICY, "kind": "Server", "name": made.name}
        _authorize(draft, namespace, made.name, target, found.parts[0].clients, own, origins)
        return
    runs: list[tuple[tuple[Clients, ...], list[Fields]]] = []
    level = any(part.match.path for part in found.parts)
    for part in found.parts:
        match = http_match(part.match, level=level)
        if runs and runs[-1][0] == part.clients and match and len(runs[-1][1]) < MAX_MATCHES:
            runs[-1][1].append(match)
        else:
            runs.append((part.clients, [match]))
    for index, (clients, matches) in enumerate(runs, 1):
        rule: Fields = {"matches": matches} if matches != [{}] else {}
        parent = {"group": _POLICY, "kind": "Server", "name": made.name}
        route = draft.add(
            ROUTE,
            "HTTPRoute",
            namespace,
            f"{made.name}-{index:02}",
            {"parentRefs": [parent], "rules": [rule]},
            origins,
        )
        target = {"group": _POLICY, "kind": "HTTPRoute", "name": route.name}
        _authorize(draft, namespace, route.name, target, clients, own, origins)


def _authorize(
    draft: Draft,
    namespace: str,
    name: str,
    target: Fields,
    clients: Iterable[Clients],
    own: Rules,
    origins: tuple[Resource, ...],
) -> None:
    """Adds an AuthorizationPolicy for each set of clients; none are nobody."""
    domain = draft.estate.linkerd_trust_domain
    for one in clients:
        called = _said_by(own, one)
        references = []
        if one.identities is not None:
            identities = sorted(identity.linkerd(domain) for identity in one.identities)
            shared = _shared(
                draft, "MeshTLSAuthentication", namespace, {"identities": identities}, called, origins
            )
            references.append({"group": _POLICY, "kind": shared.kind, "name": shared.name})
        networks = EVERYWHERE if one == EVERYBODY else one.networks
        if networks is not None:
            blocks = {"networks": [_network(network) for network in networks]}
            shared = _shared(draft, "NetworkAuthentication", namespace, blocks, called, origins)
            references.append({"group": _POLICY, "kind": shared.kind, "name": shared.name})
        spec = {"targetRef": target, "requiredAuthenticationRefs": references}
        draft.add(AUTHORIZATION, "AuthorizationPolicy", namespace, name, spec, origins)


def _said_by(own: Rules, clients: Clients) -> str:
    """The name of the policy that speaks of these clients, if one does."""
    for policy in own.policies:
        if any(clients in permission.clients for permission in policy.permissions):
            return policy.resource.name
    return "everybody" if clients == EVERYBODY else "meshed" if clients == MESHED else "clients"


def _shared(
    draft: Draft, kind: str, namespace: str, spec: Fields, name: str, origins: tuple[Resource, ...]
) -> Resource:
    """Returns the authentication that says this, a new one if there is none in the namespace yet."""
    for one in draft.made(AUTHORIZATION, kind, namespace):
        if Spec.of(one).data == spec:
            return one
    return draft.add(AUTHORIZATION, kind, namespace, name, spec, origins)


def _network(network: Network) -> Fields:
    return {"cidr": network.block} | ({"except": list(network.excepted)} if network.excepted else {})

"""What Linkerd's policy webhook refuses, in its words [linkerd/linkerd2: policy-controller, admission.rs]."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING

from harness.model.objects import Fields, not_modelled, spec_of
from harness.model.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.resources import Resource

WEBHOOK = "linkerd-policy-validator.linkerd.io"

_DNS_NAME = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SPIFFE = re.compile(r"spiffe://[a-z0-9.\-_]+(/[a-zA-Z0-9.\-_]+)*")
_POLICIES = frozenset(
    "all-authenticated all-unauthenticated cluster-authenticated cluster-unauthenticated deny audit".split()
)


def validate(resource: Resource) -> None:
    """Raises Refused with the first thing that the webhook finds wrong with the object."""
    faults = {
        "Server": _server,
        "AuthorizationPolicy": _authorization_policy,
        "MeshTLSAuthentication": _mesh_tls,
        "NetworkAuthentication": _network,
        "ServerAuthorization": _server_authorization,
        "HTTPRoute": _http_route,
        "ServiceProfile": _service_profile,
    }.get(resource.kind)
    if faults is None:
        return
    for words in faults(spec_of(resource), resource):
        raise Refused.by_webhook(resource, WEBHOOK, words)


def _server(spec: Fields, _: Resource) -> Iterator[str]:
    policy = spec.get("accessPolicy")
    if policy is not None and policy not in _POLICIES:
        yield f"Invalid 'accessPolicy' field: invalid mode: \"{policy}\""


def _authorization_policy(spec: Fields, resource: Resource) -> Iterator[str]:
    target = spec.get("targetRef") or {}
    if target.get("kind") == "Namespace" and target.get("name") != resource.namespace:
        yield f"cannot target another namespace: {target.get('name')}"
    kinds = [reference.get("kind") for reference in spec.get("requiredAuthenticationRefs") or ()]
    for kind in ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication"):
        if kinds.count(kind) > 1:
            yield f"only a single {kind} may be set"
    if "MeshTLSAuthentication" in kinds and "ServiceAccount" in kinds:
        yield "a MeshTLSAuthentication and ServiceAccount may not be set together"
    unknown = [
        f"{reference.get('kind')}.{reference.get('group') or 'core'}"
        for reference in spec.get("requiredAuthenticationRefs") or ()
        if reference.get("kind") not in ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication")
    ]
    if unknown:
        yield f"unsupported authentication kind(s): {', '.join(unknown)}"


def _mesh_tls(spec: Fields, _: Resource) -> Iterator[str]:
    for identity in spec.get("identities") or ():
        if not re.match(_DNS_NAME, identity) and not _SPIFFE.fullmatch(identity):
            yield (
                f"id {identity} is invalid: identity must be a valid SPIFFE id or a DNS SAN, "
                f"matching the regex: {_DNS_NAME}"
            )
    for reference in spec.get("identityRefs") or ():
        kind = reference.get("kind")
        if kind == "Namespace" and reference.get("namespace"):
            yield "Namespace identity_ref is cluster-scoped and cannot have a namespace"
        elif kind not in ("Namespace", "ServiceAccount"):
            yield f"invalid identity target kind: {kind}"
        elif kind == "ServiceAccount" and not reference.get("name"):
            yield "missing field `name`"


def _network(spec: Fields, _: Resource) -> Iterator[str]:
    if not spec.get("networks"):
        yield "at least one network must be specified"
    yield from _networks(spec)


def _server_authorization(spec: Fields, _: Resource) -> Iterator[str]:
    client = spec.get("client") or {}
    tls = client.get("meshTLS")
    if tls and client.get("unauthenticated"):
        yield "`unauthenticated` must be false if `mesh_tls` is specified"
    if tls and tls.get("unauthenticatedTLS") and (tls.get("identities") or tls.get("serviceAccounts")):
        yield "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
    yield from _networks(client)


def _networks(part: Fields) -> Iterator[str]:
    for network in part.get("networks") or ():
        cidr = ip_network(network["cidr"], strict=False)
        for text in network.get("except") or ():
            exception = ip_network(text, strict=False)
            if _contains(exception, cidr):
                yield f"cidr '{cidr}' is completely negated by exception '{exception}'"
            elif not _contains(cidr, exception):
                yield f"cidr '{cidr}' does not include exception '{exception}'"


def _contains(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _service_profile(spec: Fields, resource: Resource) -> Iterator[str]:
    overrides = spec.get("dstOverrides") or []
    for index, override in enumerate(overrides):
        if not re.fullmatch(r"[^:]+(:\d{1,5})?", override["authority"], re.ASCII):
            raise not_modelled(resource, f"spec.dstOverrides[{index}].authority", "it isn't a Service's name")
    if overrides and not any(str(override["weight"]).strip("0.mk") for override in overrides):
        raise not_modelled(resource, "spec.dstOverrides", "no override has a weight above 0")
    yield from ()


def _http_route(spec: Fields, _: Resource) -> Iterator[str]:
    for rule in spec.get("rules") or ():
        for backend in (rule or {}).get("backendRefs") or ():
            if backend.get("kind", "Service") == "Service" and backend.get("port") is None:
                yield "cannot reference a Service without a port"

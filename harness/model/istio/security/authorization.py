"""AuthorizationPolicy: which policies select a server, and what those that deny and allow say.

CUSTOM comes before both, in external_authorization.py; AUDIT never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from harness.api.istio.security import claims, identity
from harness.api.istio.security.authorization_policy import (
    KIND,
    Attribute,
    AuthorizationPolicy,
    AuthorizationRule,
    in_full,
    path_condition,
)
from harness.base import explored, expressions
from harness.base.errors import not_modelled
from harness.base.matching import Asking, TextMatch
from harness.base.networks import within
from harness.base.vocabulary import Mesh
from harness.model.istio import forwarded_headers, mesh_config
from harness.model.istio.header_lines import header_lines
from harness.model.istio.security import policies
from harness.model.network.addresses import contains
from harness.traffic.trace import Action, Step, built_in, listed, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.base.resources import Resource
    from harness.model.message import Arrival, Message
    from harness.model.state import Pod, State

DENIED = "RBAC: access denied"


def authorize(state: State, arrival: Arrival) -> tuple[bool, tuple[Step, ...]]:
    """Returns whether policies let a request or connection through, and why: those that deny decide first."""
    seen = Seen.of(state, arrival)
    selecting = map(AuthorizationPolicy.kept, policies.selecting(state, arrival.server, KIND))
    acting = [policy for policy in selecting if not policy.is_dry_run]
    passed = policies.passed_over(state, KIND, arrival.server)
    for policy in acting:
        if policy.action == "DENY" and (field := matching_rule(policy, seen, passed)):
            denied = step(policy.resource, field, Action.DENIED, "matches, and the action is DENY")
            return False, (*passed, denied)
    allowing = [policy for policy in acting if policy.action == "ALLOW"]
    for policy in allowing:
        if field := matching_rule(policy, seen, passed):
            allowed = step(policy.resource, field, Action.ALLOWED, "matches, and the action is ALLOW")
            return True, (*passed, allowed)
    if allowing:
        names = [policy.resource for policy in allowing]
        text = "no rule matches of those that allow ({}): denied"
        denied = step(names[0], "spec.rules", Action.DENIED, text, listed(names))
        return False, (*passed, denied)
    text = "no AuthorizationPolicy with action ALLOW selects {}: allowed"
    return True, (*passed, built_in(Action.ALLOWED, text, arrival.server.workload))


def matching_rule(policy: AuthorizationPolicy, seen: Seen, passed: list[Step]) -> str:
    """Returns the first rule that matches, empty if none does; why others don't is added to `passed`."""
    widens = policy.action != "ALLOW"
    for rule in policy.rules:
        unmet, why = _unmet(rule, seen, widens=widens)
        if not unmet:
            return rule.path
        passed.append(step(policy.resource, unmet, Action.UNMATCHED, "{}", why))
    if not policy.rules:
        text = "has no rule, so matches nothing"
        passed.append(step(policy.resource, "spec.rules", Action.UNMATCHED, text))
    return ""


@dataclass(frozen=True)
class Seen:
    """What a server's proxy knows of a request, or of a connection without HTTP (`message` is None)."""

    client: Pod
    server: Pod
    principal: str | None
    """The client's SPIFFE identity without scheme, None unless it came with mutual TLS."""
    domains: tuple[str, ...]
    port: int
    remote: Callable[[], str | None]
    """The address that counts as the client's, None for the client's own."""
    sni: str
    """The name that the outer TLS asks for, which the client's sidecar makes up as a rule; none without."""
    message: Message | None
    claims: Mapping[str, Any] | None

    @classmethod
    def of(cls, state: State, arrival: Arrival) -> Seen:
        """Returns what the proxy of the pod sees that the request arrives at."""
        config, message = mesh_config.of(state), arrival.message
        mutual = arrival.tls is Mesh.ISTIO
        return cls(
            client=arrival.client,
            server=arrival.server,
            principal=identity.principal(arrival.client.identities[Mesh.ISTIO]) if mutual else None,
            domains=(config.trust_domain, *config.trust_domain_aliases),
            port=arrival.port,
            remote=partial(forwarded_headers.remote, state, arrival),
            sni=arrival.sni if mutual else message.sni,
            message=None if arrival.opaque else message,
            claims=message.verified.claims if message.verified and not arrival.opaque else None,
        )


def _unmet(rule: AuthorizationRule, seen: Seen, *, widens: bool) -> tuple[str, str]:
    """Returns the field of a rule that doesn't match, and why; empty texts if the rule matches.

    Without HTTP, what is said of HTTP makes a rule that allows match nothing; other rules (`widens`)
    match as if it weren't said [Istio: authorization on the TCP level].
    """
    if seen.message is None and not widens:
        for attribute in rule.attributes:
            if attribute.of_http:
                why = "is about HTTP, and the connection shows none: the rule allows nothing"
                return attribute.field, why
    for name, parts in (("from", rule.client_attributes), ("to", rule.request_attributes)):
        if parts and not any(all(_holds(rule, attribute, seen) for attribute in part) for part in parts):
            return rule.at(name), "doesn't match the request"
    for condition in rule.conditions:
        if not _holds(rule, condition.attribute, seen):
            return condition.path, "doesn't match the request"
    return "", ""


def _holds(rule: AuthorizationRule, attribute: Attribute, seen: Seen) -> bool:
    if seen.message is None and attribute.of_http:
        return True

    def matches(value: str) -> bool:
        return _matches(rule.resource, attribute, value, seen)

    return (not attribute.values or any(map(matches, attribute.values))) and not any(
        map(matches, attribute.unwanted)
    )


def _matches(policy: Resource, attribute: Attribute, value: str, seen: Seen) -> bool:
    key, field, who = attribute.key, attribute.field, seen.principal
    match key:
        case "source.principal":
            return any(_text(alias, who) for alias in identity.with_aliases(value, seen.domains))
        case "source.namespace":
            pattern = ".*".join(map(expressions.quoted, value.split("*")))
            return who is not None and TextMatch("regex", f".*/ns/{pattern}/.*").holds("spiffe://" + who)
        case "source.serviceAccount":
            namespace, account = map(expressions.quoted, in_full(value, policy.namespace).rsplit("/", 1))
            pattern = f".+/ns/{namespace}/(.+/|)sa/{account}(/.+)?"
            return TextMatch("regex", pattern).holds(who)
        case "source.trustDomain":
            wanted = seen.domains if value in seen.domains else (value,)
            domain = explored.of(identity.trust_domain, who) if who else None
            return any(_text(trusted, domain) for trusted in wanted)
        case "remote.ip" if (remote := seen.remote()) is not None:
            return within(remote, value)
        case "source.ip" | "remote.ip" | "destination.ip":
            pod = seen.server if key == "destination.ip" else seen.client
            return contains(policy, field, ip_network(value, strict=False), pod)
        case "destination.port":
            return int(value) == seen.port
        case "connection.sni":
            return _text(value, seen.sni)
    if seen.message is not None and attribute.of_http:
        return _request_matches(policy, attribute, value, seen.message, seen.claims)
    raise not_modelled(policy, f"{field}.key", f"the attribute {key!r}")


def _request_matches(
    policy: Resource, attribute: Attribute, value: str, message: Message, stated: Mapping[str, Any] | None
) -> bool:
    key = attribute.key
    match key.partition("[")[0]:
        case "request.host":
            return _header(value.lower(), message.authority.lower())
        case "request.method":
            return _header(value, message.method)
        case "request.path":
            condition, path = path_condition(value), message.path
            return condition.holds(path) if condition.kind == "regex" else _text(value, path)
        case "request.headers":
            name = key[len("request.headers[") : -1].lower()
            if name == ":path" and isinstance(message.path, Asking):
                raise not_modelled(policy, f"{attribute.field}.key", "the path together with its query")
            pseudo = {":method": message.method, ":path": message.target, ":scheme": message.scheme}
            pseudo |= {":authority": message.authority, "host": message.authority}
            lines = [pseudo[name]] if name in pseudo else header_lines(message, name)
            return any(_header(value, line) for line in lines)
        case "request.auth.principal":
            return _request_principal(value, stated)
        case "request.auth.audiences":
            return any(_text(value, text) for text in claims.texts(stated, ["aud"]))
        case "request.auth.presenter":
            return any(_text(value, text) for text in claims.texts(stated, ["azp"]))
        case "request.auth.claims":
            return any(_text(value, text) for text in claims.texts(stated, claims.bracketed(key)))
    raise not_modelled(policy, f"{attribute.field}.key", f"the attribute {key!r}")


def _text(wanted: str, text: str | None) -> bool:
    """Matches exactly, by `*suffix`, by `prefix*`, or `*` for any that isn't empty."""
    if wanted == "*":
        return bool(text)
    if wanted.startswith("*"):
        return TextMatch("suffix", wanted[1:]).holds(text)
    if wanted.endswith("*"):
        return TextMatch("prefix", wanted[:-1]).holds(text)
    return text == wanted


def _header(wanted: str, text: str | None) -> bool:
    """The same for a header, which may be there and empty."""
    return text is not None if wanted == "*" else _text(wanted, text)


def _request_principal(wanted: str, stated: Mapping[str, Any] | None) -> bool:
    """Whether `issuer/subject` matches; without a slash a wildcard is about the end that it stands at."""
    (issuer,), (subject,) = (claims.texts(stated, [name]) or (None,) for name in ("iss", "sub"))
    left, slash, right = wanted.rpartition("/")
    if not slash:
        at_end = wanted.startswith("*") and wanted != "*"
        left, right = ("*", wanted) if at_end else (wanted, "*")
        return "*" in (wanted[:1], wanted[-1:]) and _text(left, issuer) and _text(right, subject)
    if wanted.startswith("*"):
        return _text(left, issuer) and subject == right
    ends = TextMatch("prefix", right[:-1]).holds(subject) and bool(subject)
    return issuer == left and (ends if right.endswith("*") else subject == right)

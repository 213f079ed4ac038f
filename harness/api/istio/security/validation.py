"""What is refused of Istio's security policies, in the API server's and the webhook's words.

[istio/istio: pkg/config/validation, pkg/config/security]
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from harness.api.istio.admission import forms
from harness.api.istio.security.authentication import JWTRule, PolicySpec
from harness.api.istio.security.authorization_policy import IDENTITIES, AuthorizationPolicy
from harness.api.refusal import Fault, about, each
from harness.base.networks import is_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.istio.security.authorization_policy import AuthorizationRule, PolicyCondition
    from harness.api.node import Node
    from harness.api.refusal import Rules

_TARGETS = {
    ("", "Service"),
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
}
_ONE_OF = (
    "targetRef must be to one of [core/v1/Service networking.istio.io/v1/ServiceEntry "
    "gateway.networking.k8s.io/v1/Gateway gateway.networking.k8s.io/v1/GatewayClass]"
)
_ADDRESSES = frozenset("ipBlocks remoteIpBlocks source.ip remote.ip destination.ip".split())
_PORTS = frozenset(("ports", "destination.port"))
_ACCOUNTS = frozenset(("serviceAccounts", "source.serviceAccount"))
_DOMAINS = frozenset(("trustDomains", "source.trustDomain"))
_CHECKED = _ADDRESSES | _PORTS | _ACCOUNTS | _DOMAINS | {"paths"}
_ATTRIBUTES = frozenset(
    "source.ip remote.ip source.namespace source.principal source.serviceAccount source.trustDomain "
    "request.auth.principal request.auth.audiences request.auth.presenter "
    "destination.ip destination.port connection.sni".split()
)
_KEYED = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")
_REPLACED = {"destination.namespace": "metadata.namespace", "destination.labels": "workload selector"}
_WITHOUT_IDENTITY = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")

# What a literal segment beside path templates may hold [RFC 3986: pchar].
_LITERAL = re.compile(r"[a-zA-Z0-9-._~%!$&'()+,;:@=]+")


def _jwt_rule(rule: JWTRule) -> Iterator[str]:
    if not rule.issuer and not rule.jwks_uri:
        yield Fault("issuer or jwksUri must be non-empty string", rule.at("issuer"))
    if rule.jwks and not _readable(rule.jwks):
        yield Fault("jwks parse error", rule.at("jwks"))


def _readable(jwks: str) -> bool:
    try:
        return isinstance(json.loads(jwks), dict)
    except ValueError:
        return False


def _authorization_policy(policy: AuthorizationPolicy) -> Iterator[str]:
    if policy.action in ("CUSTOM", "DENY") and not policy.rules:
        yield Fault(
            f"{policy.action} action without `rules` is meaningless as it will never be triggered, "
            "add an empty rule `{}` if you want it be triggered for every request",
            policy.at("action"),
        )
    elif policy.action == "CUSTOM" and not policy.provider.name:
        yield Fault("`provider.name` must not be empty", policy.provider.at("name"))
    if policy.has("provider") and policy.action != "CUSTOM":
        words = f"`provider` must not be with non CUSTOM action, found {policy.action}"
        yield Fault(words, policy.at("provider"))
    for index, rule in enumerate(policy.rules):
        if policy.action == "CUSTOM":
            yield from _without_identity(rule)
        yield from about(rule.path, _rule(index, rule))


def _scope(policy: PolicySpec) -> Iterator[str]:
    for target in policy.targets:
        if (target.group, target.kind) not in _TARGETS:
            yield Fault(f"{_ONE_OF} but was {target.group}/{target.kind}", target.at("kind"))


def _without_identity(rule: AuthorizationRule) -> Iterator[str]:
    """An external authorizer is asked before anybody knows tokens, and not by identities."""
    for entry in rule.sources:
        for name in _WITHOUT_IDENTITY:
            for field in (name, f"not{name[0].upper()}{name[1:]}"):
                if entry.source.data.get(field):
                    words = f"From.{field[0].upper()}{field[1:]} is currently not supported"
                    yield Fault(f"{words} with CUSTOM action", entry.source.at(field))
    for condition in rule.conditions:
        if condition.key.startswith("request.auth.") or condition.key in IDENTITIES:
            words = f"{condition.key} is currently not supported with CUSTOM action"
            yield Fault(words, condition.at("key"))


def _rule(index: int, rule: AuthorizationRule) -> Iterator[str]:
    parts: tuple[tuple[str, str, Sequence[Node]], ...] = (
        ("from", "source", rule.sources),
        ("to", "operation", rule.operations),
    )
    for part, inner, entries in parts:
        for entry in entries:
            fields = entry.data.get(inner)
            if fields is None:
                yield Fault(f"`{part}.{inner}` must not be nil, found at rule {index}", entry.path)
            elif not any(fields.values()):
                yield Fault(f"`{part}.{inner}` must not be empty, found at rule {index}", entry.at(inner))
            for name, values in (fields or {}).items():
                yield from _field_values(f"{entry.at(inner)}.{name}", name, values)
    for source in (entry.source for entry in rule.sources):
        named = {name.removeprefix("not").lower() for name in source.data}
        if "serviceaccounts" in named and named & {"principals", "namespaces"}:
            words = f"cannot set serviceAccounts with namespaces or principals, found at rule {index}"
            yield Fault(words, source.path)
    for condition in rule.conditions:
        yield from _condition(condition)


def _condition(condition: PolicyCondition) -> Iterator[str]:
    key = condition.key
    if not key:
        yield Fault("`key` must not be empty", condition.at("key"))
    elif not condition.values and not condition.not_values:
        words = f"at least one of `values` or `notValues` must be set for key {key}"
        yield Fault(words, condition.path)
    else:
        for what, values in (("value", condition.values), ("notValue", condition.not_values)):
            faults = _attribute_values(condition.at(f"{what}s"), key, values)
            for fault in about(condition.at("key"), faults):
                yield Fault(f"invalid `{what}` for `key` {key}: {fault}", fault.path)


def _attribute_values(field: str, key: str, values: Sequence[str]) -> Iterator[str]:
    if "" in values:
        yield Fault(f"empty value not allowed, found in {key}", f"{field}[{values.index('')}]")
    elif key.startswith(_KEYED):
        if not re.fullmatch(r"[^\[]+\[.+\]", key):
            yield f"bad key ({key}): should have format a[b]"
    elif key in _ATTRIBUTES:
        yield from _values(field, key, key, values)
    elif key.partition("[")[0] in _REPLACED:
        yield f"attribute {key} is replaced by the {_REPLACED[key.partition('[')[0]]}"
    elif key in ("destination.name", "destination.user"):
        yield f"deprecated attribute {key}: only supported in v1alpha1"
    else:
        yield f"unknown attribute: {key}"


def _field_values(field: str, name: str, values: Sequence[str]) -> Iterator[str]:
    shown = name[0].upper() + name[1:]
    positive = name[3].lower() + name[4:] if re.match("not[A-Z]", name) else name
    if "" in values:
        yield Fault(f"empty value not allowed, found in {shown}", f"{field}[{values.index('')}]")
    else:
        yield from _values(field, positive, shown, values)


def _values(field: str, name: str, shown: str, values: Sequence[str]) -> Iterator[str]:
    """What is wrong with values of a field or an attribute; `shown` is how the webhook calls it."""
    for index, value in enumerate(values if name in _CHECKED else ()):
        for words in _value(name, shown, value):
            yield Fault(words, f"{field}[{index}]")
    if name in _ACCOUNTS and len(values) > 16:
        yield Fault("may not have more than 16 values", field)


def _value(name: str, shown: str, value: str) -> Iterator[str]:
    if name in _ADDRESSES and not is_network(value):
        yield f"bad {'CIDR range' if '/' in value else 'IP address'} ({value})"
    if name in _PORTS and (not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535):
        yield f"bad port ({value})"
    if name in _ACCOUNTS and "*" in value:
        yield f"wildcard not allowed, found in {shown}"
    elif name in _ACCOUNTS and not re.fullmatch("[^/]+(/[^/]+)?", value):
        form = "expected format 'serviceAccount' or 'namespace/serviceAccount'"
        yield f'{form}, found "{value}" in {shown}'
    if name in _DOMAINS:
        yield from _domain(shown, value)
    if name == "paths":
        yield from _path(shown, value)


def _domain(shown: str, value: str) -> Iterator[str]:
    if value.count("*") > 1:
        yield f'at most one wildcard is allowed, found in {shown}: "{value}"'
    elif "*" in value[1:-1]:
        yield f'wildcard is only allowed at the start or end, found in {shown}: "{value}"'
    elif "/" in value and shown != "source.trustDomain":
        yield f"trust domain must not contain '/', found in {shown}: \"{value}\""


def _path(shown: str, value: str) -> Iterator[str]:
    """Templates: `{*}` and `{**}` are whole segments, and the second is the last of them."""
    path, template, ended = value.strip("/"), "{*}" in value or "{**}" in value, False
    words = f"invalid or unsupported path {path}, found in {shown}. "
    for segment in path.split("/"):
        if segment in ("{*}", "{**}"):
            if ended:
                yield words + "{**} is not the last operator"
                return
            ended = segment == "{**}"
        elif "{" in segment or "}" in segment:
            yield words + "Contains '{' or '}' beyond a supported path template"
            return
        elif template and not _LITERAL.fullmatch(segment):
            yield words + f"Contains segment {segment} with invalid string literal"
            return


RULES: Rules = {
    PolicySpec: (_scope,),
    JWTRule: (_jwt_rule, each(forms.limit, "timeout")),
    AuthorizationPolicy: (_authorization_policy,),
}
"""What the webhook asks of security policies."""

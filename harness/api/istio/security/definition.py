"""What the definitions of Istio's security policies refuse, in the API server's words.

[istio/api: security/v1, type/v1beta1]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.api.gateway_api.reference import ObjectRef
from harness.api.istio.admission.forms import LONGEST_LABEL, TOO_LONG
from harness.api.istio.security.authentication import JWTRule, PeerAuthentication, PolicySpec
from harness.api.istio.security.authorization_policy import AuthorizationPolicy, Source
from harness.api.kubernetes.selector import LabelSelector
from harness.api.refusal import OBJECT, Fault, at_most, no_longer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.refusal import Rules


def _targets_or_selector(policy: PolicySpec) -> Iterator[str]:
    if sum(map(policy.has, ("selector", "targetRef", "targetRefs"))) > 1:
        yield f"{OBJECT}only one of targetRefs or selector can be set"


def _ports_of_pods(policy: PeerAuthentication) -> Iterator[str]:
    if policy.has("portLevelMtls") and not policy.ports:
        words = "Invalid value: 0: spec.portLevelMtls in body should have at least 1 properties"
        yield Fault(words, policy.at("portLevelMtls"))
    if policy.has("portLevelMtls") and not policy.labels:
        yield f"{OBJECT}portLevelMtls requires selector"
    if not all(map(_is_port, policy.ports)):
        yield Fault(f"{OBJECT}port must be between 1-65535", policy.at("portLevelMtls"))


def _is_port(text: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", text) is not None and 1 <= int(text) <= 65535


def _keys(rule: JWTRule) -> Iterator[str]:
    if sum(map(rule.has, ("jwks", "jwksUri", "jwks_uri"))) > 1:
        yield f"{OBJECT}only one of jwks or jwksUri can be set"
    if rule.has("jwksUri") and not _is_url(rule.jwks_uri):
        words = 'Invalid value: "string": url must have scheme http:// or https://'
        yield Fault(words, rule.at("jwksUri"))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and (parts.port or 0) >= 0
    except ValueError:
        return False


def _accounts(source: Source) -> Iterator[str]:
    accounts = source.has("serviceAccounts") or source.has("notServiceAccounts")
    if accounts and any(map(source.has, ("principals", "notPrincipals", "namespaces", "notNamespaces"))):
        yield f"{OBJECT}Cannot set serviceAccounts with namespaces or principals"


def _labels(selector: LabelSelector) -> Iterator[str]:
    for key, value in selector.match_labels.items():
        if "*" in key:
            yield Fault(f"{OBJECT}wildcard not allowed in label key match", selector.at("matchLabels"))
        if not key:
            yield Fault(f"{OBJECT}key must not be empty", selector.at("matchLabels"))
        if len(value.encode()) > LONGEST_LABEL:
            yield Fault(TOO_LONG, f"{selector.at('matchLabels')}.{key}")
        if "*" in value:
            words = f'Invalid value: "{value}": wildcard not allowed in label value match'
            yield Fault(words, f"{selector.at('matchLabels')}.{key}")


def _target(target: ObjectRef) -> Iterator[str]:
    if target.written_namespace:
        words = "cross namespace referencing is not currently supported"
        yield Fault(f'Invalid value: "{target.written_namespace}": {words}', target.at("namespace"))


DEFINITION: Rules = {
    PolicySpec: (at_most(16, "targetRefs"), _targets_or_selector),
    AuthorizationPolicy: (at_most(512, "rules"),),
    LabelSelector: (_labels,),
    ObjectRef: (no_longer(63, "kind"), no_longer(253, "name", "group"), _target),
    PeerAuthentication: (_ports_of_pods,),
    JWTRule: (_keys,),
    Source: (at_most(16, "serviceAccounts", "notServiceAccounts"), _accounts),
}
"""What the definitions of their kinds do."""

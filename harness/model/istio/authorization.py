"""AuthorizationPolicy: CUSTOM, then DENY, then ALLOW."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.model.installation import ROOT_NAMESPACE
from harness.model.matching import TextMatch, full_match
from harness.model.network import covers_pods
from harness.model.objects import Fields, annotations_of, not_modelled, reason, selects, spec_of
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.hop import Arrival
    from harness.model.state import State
    from harness.resources import Resource

GROUP = "security.istio.io"


@dataclass(frozen=True)
class Verdict:
    """Whether a request is let through, and the reasons."""

    allowed: bool
    trace: tuple[Reason, ...]


def authorize(state: State, arrival: Arrival) -> Verdict:
    """Returns whether the policies that select the server let the request through.

    CUSTOM comes first: the model knows no extension providers, and a policy that names one that
    doesn't exist denies what its rules match. AUDIT and dry-run policies never decide.
    """
    policies = _selecting(state, arrival)
    passed: list[Reason] = []
    for policy in policies:
        if _action(policy) == "CUSTOM" and _matching_rule(policy, arrival, passed):
            text = "names an extension provider that the mesh's configuration doesn't have: denied"
            return Verdict(False, (*passed, reason(policy, "spec.provider.name", text)))
    for policy in policies:
        if _action(policy) == "DENY":
            field = _matching_rule(policy, arrival, passed)
            if field:
                return Verdict(False, (*passed, reason(policy, field, "matches, and the action is DENY")))
    allowing = [policy for policy in policies if _action(policy) == "ALLOW"]
    for policy in allowing:
        field = _matching_rule(policy, arrival, passed)
        if field:
            return Verdict(True, (*passed, reason(policy, field, "matches, and the action is ALLOW")))
    if allowing:
        names = ", ".join(str(policy) for policy in allowing)
        denied = reason(allowing[0], "spec.rules", f"no rule matches of those that allow ({names}): denied")
        return Verdict(False, (*passed, denied))
    text = f"no AuthorizationPolicy with action ALLOW selects {arrival.server.workload}: allowed"
    return Verdict(True, (*passed, Reason(text)))


def _selecting(state: State, arrival: Arrival) -> list[Resource]:
    server = arrival.server
    found = [
        policy
        for namespace in dict.fromkeys((ROOT_NAMESPACE, server.namespace))
        for policy in state.all(GROUP, "AuthorizationPolicy", namespace)
    ]
    return [
        policy
        for policy in found
        if selects((spec_of(policy).get("selector") or {}).get("matchLabels") or {}, server.labels)
        and annotations_of(policy).get("istio.io/dry-run") != "true"
    ]


def _action(policy: Resource) -> str:
    action: str = spec_of(policy).get("action") or "ALLOW"
    return action


def _matching_rule(policy: Resource, arrival: Arrival, passed: list[Reason]) -> str:
    """The first rule that matches; for those that don't the reason why is added to `passed`."""
    for index, rule in enumerate(spec_of(policy).get("rules") or ()):
        field = f"spec.rules[{index}]"
        unmet = _unmet(policy, field, rule, arrival)
        if not unmet:
            return field
        passed.append(reason(policy, unmet, "doesn't match the request", lost=True))
    if not spec_of(policy).get("rules"):
        passed.append(reason(policy, "spec.rules", "has no rule, so matches nothing", lost=True))
    return ""


def _unmet(policy: Resource, field: str, rule: Fields, arrival: Arrival) -> str:
    """The part of a rule that doesn't match (from, to and when must all), empty if the rule does."""
    rule = rule or {}
    sources, operations = rule.get("from") or (), rule.get("to") or ()
    if sources and not any(_source(policy, part["source"], arrival) for part in sources):
        return f"{field}.from"
    if operations and not any(_operation(part["operation"], arrival) for part in operations):
        return f"{field}.to"
    for index, condition in enumerate(rule.get("when") or ()):
        if not _condition(policy, f"{field}.when[{index}]", condition, arrival):
            return f"{field}.when[{index}]"
    return ""


def _source(policy: Resource, source: Fields, arrival: Arrival) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "principals": lambda value: _principal(value, arrival),
        "requestPrincipals": lambda _: False,  # no JWT is modelled, so no request has one
        "namespaces": lambda value: _text(value, _namespace(arrival)),
        "serviceAccounts": lambda value: _service_account(value, policy, arrival),
        "ipBlocks": lambda value: _from_block(policy, value),
        "remoteIpBlocks": lambda value: _from_block(policy, value),
    }
    return _all(source, tests)


def _operation(operation: Fields, arrival: Arrival) -> bool:
    message = arrival.message
    tests: dict[str, Callable[[str], bool]] = {
        "hosts": lambda value: _text(value.lower(), message.authority.lower()),
        "ports": lambda value: int(value) == arrival.port,
        "methods": lambda value: _text(value, message.method),
        "paths": lambda value: _path(value, message.path),
    }
    return _all(operation, tests)


def _all(part: Fields, tests: dict[str, Callable[[str], bool]]) -> bool:
    """Whether one value of every positive list matches, and none of every `not…` list."""
    for name, test in tests.items():
        wanted, unwanted = part.get(name) or (), part.get("not" + name[0].upper() + name[1:]) or ()
        if wanted and not any(test(value) for value in wanted):
            return False
        if any(test(value) for value in unwanted):
            return False
    return True


def _text(wanted: str, text: str | None) -> bool:
    """Matches exactly, by `prefix*`, by `*suffix`, or `*` for presence."""
    if wanted == "*":
        return bool(text)
    if wanted.endswith("*"):
        return TextMatch("prefix", wanted[:-1]).holds(text)
    if wanted.startswith("*"):
        return TextMatch("suffix", wanted[1:]).holds(text)
    return text == wanted


def _path(wanted: str, path: str) -> bool:
    if "{" not in wanted:
        return _text(wanted, path)
    # Templates: {*} is one segment, {**} any number of them [Istio: AuthorizationPolicy paths].
    pattern = re.escape(wanted).replace(r"\{\*\*\}", ".*").replace(r"\{\*\}", "[^/]+")
    return full_match(pattern, path)


def _principal(wanted: str, arrival: Arrival) -> bool:
    return _text(wanted, arrival.client.spiffe if arrival.tls is Mesh.ISTIO else None)


def _namespace(arrival: Arrival) -> str | None:
    return arrival.client.namespace if arrival.tls is Mesh.ISTIO else None


def _service_account(wanted: str, policy: Resource, arrival: Arrival) -> bool:
    namespace, slash, name = wanted.rpartition("/")
    namespace = namespace if slash else policy.namespace
    client = arrival.client
    return arrival.tls is Mesh.ISTIO and (client.namespace, client.service_account) == (namespace, name)


def _from_block(policy: Resource, block: str) -> bool:
    return covers_pods(policy, "spec.rules", ip_network(block, strict=False))


def _condition(policy: Resource, field: str, condition: Fields, arrival: Arrival) -> bool:
    key: str = condition["key"]
    test = _attribute(policy, field, key, arrival)
    wanted, unwanted = condition.get("values") or (), condition.get("notValues") or ()
    return (not wanted or any(map(test, wanted))) and not any(map(test, unwanted))


def _attribute(policy: Resource, field: str, key: str, arrival: Arrival) -> Callable[[str], bool]:
    name, _, rest = key.partition("[")
    match name:
        case "request.headers":
            return lambda value: _text(value, arrival.message.header(rest.rstrip("]")))
        case "source.principal":
            return lambda value: _principal(value, arrival)
        case "source.namespace":
            return lambda value: _text(value, _namespace(arrival))
        case "source.serviceAccount":
            return lambda value: _service_account(value, policy, arrival)
        case "source.ip" | "remote.ip":
            return lambda value: _from_block(policy, value)
        case "destination.port":
            return lambda value: int(value) == arrival.port
        case _ if name.startswith("request.auth."):
            return lambda _: False  # no JWT is modelled, so no request has one
        case _:
            raise not_modelled(policy, f"{field}.key", f"the attribute {key!r}")

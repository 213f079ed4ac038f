"""What lets callers in by their identity, which those on the other side of a boundary don't have."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING

from harness.api.istio.security import identity
from harness.api.istio.security.authorization_policy import IDENTITIES, AuthorizationPolicy
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh, Workload
from harness.model.istio.security.mutual_tls import mode
from harness.model.network.services import service_ports
from harness.model.state.tables import SelectorTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.analysis.discover.call_graph import Call
    from harness.analysis.discover.movable import Places
    from harness.api.istio.security.authorization_policy import AuthorizationRule
    from harness.base.places import Place
    from harness.base.resources import Resource
    from harness.model.state import Pod

    Trusts = Mapping[str, Mapping["Trust", list[Call]]]


@dataclass(frozen=True)
class Trust:
    """A field that asks callers for an identity: STRICT mutual TLS (`strict`), or a policy's."""

    resource: str
    field: str
    where: Place
    strict: bool

    def eased(self, *, has_moved: bool) -> str:
        """Returns what to do as long as callers come in plaintext, by the side that the server is on."""
        if self.strict and not has_moved:
            return "PERMISSIVE in place of STRICT, until it moves"
        if self.strict:
            return "all-unauthenticated in place of all-authenticated, until all of its callers have moved"
        return "let these callers in without their identity, which they don't have in plaintext"


Policies = SelectorTable[AuthorizationPolicy]


def trusts(places: Places, calls: Iterable[Call]) -> Trusts:
    """Returns what asks callers for an identity, and which calls it asks, by the place that is called."""
    every = map(AuthorizationPolicy.of, places.estate.all("security.istio.io", "AuthorizationPolicy"))
    policies = SelectorTable((policy.resource.namespace, policy.labels, policy) for policy in every)
    trusted: defaultdict[str, defaultdict[Trust, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        for trust in dict.fromkeys(_trusts(places, policies, call)):
            trusted[call.target][trust].append(call)
    return trusted


def _trusts(places: Places, policies: Policies, call: Call) -> Iterator[Trust]:
    for pod, ports in _servers(places, call):
        for port in ports:
            decided, step = mode(places.state, pod, port)
            if decided == "STRICT" and step.resource is not None:
                yield _of(step.resource, step.field, strict=True)
        spaces = (pod.namespace, ROOT_NAMESPACE)
        selecting = [policy for space in spaces for policy in policies.selecting(space, pod.labels)]
        yield from _of_policies(selecting, _callers(places, call))


def _servers(places: Places, call: Call) -> Iterator[tuple[Pod, tuple[int, ...]]]:
    """The pods that a call leads to, and their ports; all of the place's where no Service is known."""
    namespace, _, name = call.server.partition("/")
    service = places.estate.services.get((namespace, name))
    if service:
        for pod in places.pods_of(service):
            targets = (pod.port(port.target) for port in service_ports(service))
            yield pod, tuple(dict.fromkeys(port for port in targets if port is not None))
    else:
        for pod in places.pods.get(call.target, []):
            yield pod, tuple(port for container in pod.containers for port in container.exposed)


def _callers(places: Places, call: Call) -> tuple[Pod, ...]:
    if "/" in call.caller and (pods := places.state.pods_of(Workload.parse(call.caller))):
        return pods[:1]
    return tuple(places.pods.get(call.source, []))


def _of_policies(selecting: Sequence[AuthorizationPolicy], callers: Sequence[Pod]) -> Iterator[Trust]:
    """The policies that let some of these callers in by who they are, or hold back all but some."""
    allowing = [rule for policy in selecting if policy.action == "ALLOW" for rule in policy.rules]
    if not any(rule.takes_anyone for rule in allowing):
        for rule in allowing:
            if any(_names(rule, caller) for caller in callers):
                yield _of(rule.resource, rule.at("from" if rule.sources else "when"))
    for rule in (rule for policy in selecting if policy.action == "DENY" for rule in policy.rules):
        attributes = chain.from_iterable(rule.client_attributes)
        if any(attribute.key in IDENTITIES and attribute.unwanted for attribute in attributes):
            yield _of(rule.resource, rule.at("from"))


def _of(resource: Resource, field: str, *, strict: bool = False) -> Trust:
    return Trust(str(resource), field, resource.place(field), strict)


def _names(rule: AuthorizationRule, caller: Pod) -> bool:
    """Whether a rule takes this caller by its identity."""
    account = f"{caller.namespace}/{caller.service_account}"
    principal = identity.principal(caller.identities[Mesh.ISTIO])
    forms = {
        "source.principal": principal,
        "source.namespace": caller.namespace,
        "source.serviceAccount": account,
        "source.trustDomain": identity.trust_domain(principal),
    }
    return any(
        fnmatchcase(forms[attribute.key], text)
        for attribute in rule.attributes
        if attribute.key in IDENTITIES
        for text in attribute.values
    )

"""What lets callers in by their identity, which those on the other side of a boundary don't have."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from harness.api.objects import spec_of
from harness.base.vocabulary import ROOT_NAMESPACE, Workload
from harness.model.istio.security.peer_authentication import mode
from harness.model.network.services import service_ports
from harness.model.state.tables import SelectorTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.discover.call_graph import Call
    from harness.analysis.discover.movable import Places
    from harness.base.places import Place
    from harness.base.resources import Resource
    from harness.model.state.pods import Pod

_IDENTITIES = ("principals", "namespaces", "serviceAccounts", "trustDomains")
_NOT_IDENTITIES = ("notPrincipals", "notNamespaces", "notServiceAccounts", "notTrustDomains")
_KEYS = frozenset(("source.principal", "source.namespace", "source.serviceAccount"))


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


Trusts = dict[str, dict[Trust, list["Call"]]]
Policies = SelectorTable["Resource"]


def trusts(places: Places, calls: Iterable[Call]) -> Trusts:
    """Returns what asks callers for an identity, and which calls it asks, by the place that is called."""
    policies = SelectorTable(
        (one.namespace, (spec_of(one).get("selector") or {}).get("matchLabels") or {}, one)
        for one in places.estate.all("security.istio.io", "AuthorizationPolicy")
    )
    found: Trusts = {}
    for call in calls:
        for trust in dict.fromkeys(_asked(places, policies, call)):
            found.setdefault(call.target, {}).setdefault(trust, []).append(call)
    return found


def _asked(places: Places, policies: Policies, call: Call) -> Iterator[Trust]:
    for pod, ports in _servers(places, call):
        for port in ports:
            said, step = mode(places.state, pod, port)
            if said == "STRICT" and step.resource is not None:
                yield _of(step.resource, step.field, strict=True)
        selecting = [
            *policies.selecting(pod.namespace, pod.labels),
            *policies.selecting(ROOT_NAMESPACE, pod.labels),
        ]
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
        for pod in places.pods_in(call.target):
            yield pod, tuple(port for container in pod.containers for port in container.exposed)


def _callers(places: Places, call: Call) -> tuple[Pod, ...]:
    if "/" in call.caller and (pods := places.state.pods_of(Workload.parse(call.caller))):
        return pods[:1]
    return tuple(places.pods_in(call.source))


def _of_policies(selecting: Iterable[Resource], callers: Iterable[Pod]) -> Iterator[Trust]:
    """The policies that let some of these callers in by who they are, or hold back all but some."""
    selecting, callers = tuple(selecting), tuple(callers)
    allowing = [one for one in selecting if spec_of(one).get("action", "ALLOW") == "ALLOW"]
    closed = not any(_takes_anyone(rule) for one in allowing for rule in spec_of(one).get("rules") or ())
    for one in allowing if closed else ():
        for index, rule in enumerate(spec_of(one).get("rules") or ()):
            if any(_names(rule, caller) for caller in callers):
                yield _of(
                    one, f"spec.rules[{index}].from" if rule.get("from") else f"spec.rules[{index}].when"
                )
    for one in selecting:
        for index, rule in enumerate(spec_of(one).get("rules") or ()):
            if spec_of(one).get("action") == "DENY" and any(
                key in source for source in _sources(rule) for key in _NOT_IDENTITIES
            ):
                yield _of(one, f"spec.rules[{index}].from")


def _of(resource: Resource, field: str, *, strict: bool = False) -> Trust:
    return Trust(str(resource), field, resource.place(field), strict)


def _sources(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part.get("source") or {} for part in rule.get("from") or ()]


def _takes_anyone(rule: Mapping[str, Any]) -> bool:
    """Whether a rule takes callers whoever they are."""
    if any(part.get("key") in _KEYS and part.get("values") for part in rule.get("when") or ()):
        return False
    sources = _sources(rule)
    return not sources or any(not any(source.get(key) for key in _IDENTITIES) for source in sources)


def _names(rule: Mapping[str, Any], caller: Pod) -> bool:
    """Whether a rule takes this caller by its identity."""
    forms = {
        "principals": caller.spiffe,
        "namespaces": caller.namespace,
        "serviceAccounts": f"{caller.namespace}/{caller.service_account}",
        "trustDomains": caller.istio_domain,
        "source.principal": caller.spiffe,
        "source.namespace": caller.namespace,
        "source.serviceAccount": f"{caller.namespace}/{caller.service_account}",
    }
    wanted = [(key, source[key]) for source in _sources(rule) for key in _IDENTITIES if source.get(key)]
    wanted += [
        (part["key"], part["values"])
        for part in rule.get("when") or ()
        if part.get("key") in _KEYS and part.get("values")
    ]
    return any(fnmatchcase(forms[key], text) for key, texts in wanted for text in texts)

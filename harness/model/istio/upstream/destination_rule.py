"""DestinationRule: which ones count for a client and a host, their subsets and traffic policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers, full_host, specificity
from harness.api.objects import Fields, selects, spec_of
from harness.base.kept import per_object
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.istio import mesh_config, revision
from harness.model.state.tables import HostTable, per_state
from harness.traffic.trace import Action, Part, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

_KIND = ("networking.istio.io", "DestinationRule")

# What a traffic policy says for one port takes the place of these, also where it leaves them out.
_PER_PORT = ("connectionPool", "loadBalancer", "outlierDetection", "tls")


@dataclass(frozen=True)
class Subset:
    """A subset of a host's endpoints, and where it is written."""

    origin: Resource
    field: str
    labels: dict[str, str]
    policy: Fields


@dataclass(frozen=True)
class Setting:
    """One part of a traffic policy (`tls`, `loadBalancer`, …), and where it is written."""

    origin: Resource
    field: str
    value: Fields

    def step(self, part: str, action: Action, words: str, *parts: Part) -> Step:
        """Returns what the setting, or a part of it, did."""
        return step(self.origin, f"{self.field}.{part}" if part else self.field, action, words, *parts)


Policy = dict[str, Setting]


@dataclass(frozen=True)
class Destinations:
    """What the DestinationRules that were joined for a host say, the leading one first."""

    origins: tuple[Resource, ...] = ()

    def subset(self, name: str) -> Subset | None:
        """Returns the subset of this name, if one is defined."""
        for origin in self.origins:
            for index, part in enumerate(spec_of(origin).get("subsets") or ()):
                if part["name"] == name:
                    policy = part.get("trafficPolicy") or {}
                    return Subset(origin, f"spec.subsets[{index}]", part.get("labels") or {}, policy)
        return None

    def policy(self, port: int, subset: Subset | None) -> Policy:
        """Returns the traffic policy for a port by its parts: the subset's go over the host's.

        The host's is that of the first rule that has one. A port's settings replace the level that they
        are in as a whole [istio/istio: util.MergeSubsetTrafficPolicy].
        """
        leading = next((one for one in self.origins if spec_of(one).get("trafficPolicy")), None)
        policy: Policy = {}
        if leading is not None:
            said = spec_of(leading)["trafficPolicy"]
            policy = _at_port(leading, "spec.trafficPolicy", said, port)[0]
        if subset is not None:
            own, for_port = _at_port(subset.origin, f"{subset.field}.trafficPolicy", subset.policy, port)
            kept = {key: one for key, one in policy.items() if not (for_port and key in _PER_PORT)}
            policy = kept | own
        return policy


def _at_port(origin: Resource, field: str, policy: Fields, port: int) -> tuple[Policy, bool]:
    """One level's settings for a port, and whether it has any for that port alone."""
    for index, part in enumerate(policy.get("portLevelSettings") or ()):
        if (part.get("port") or {}).get("number") == port:
            general = {key: value for key, value in policy.items() if key not in _PER_PORT}
            kept = _settings(origin, field, general)
            return kept | _settings(origin, f"{field}.portLevelSettings[{index}]", part), True
    return _settings(origin, field, policy), False


def _settings(origin: Resource, field: str, policy: Fields) -> Policy:
    return {
        key: Setting(origin, f"{field}.{key}", value)
        for key, value in policy.items()
        if key not in ("portLevelSettings", "port")
    }


def find(state: State, host: str, client: Pod, owner: str) -> Destinations:
    """Returns the DestinationRules for a host as a client's proxy sees them.

    Looked for in the client's namespace, then among those exported from the namespace of the host's Service
    or ServiceEntry (`owner`), then from the root namespace; in each the most specific host counts, and only
    then whether it is exported to the client [istio/istio: PushContext.destinationRule].
    """
    default = mesh_config.of(state).destination_rule_export_to
    for place, own in ((client.namespace, True), (owner, False), (ROOT_NAMESPACE, False)):
        table = _by_host(state).get(place)
        rules = [
            rule
            for rule in (table.covering(host) if table else ())
            if (_is_local(rule, default) if own else not _is_private(rule, default))
        ]
        if not rules:
            continue
        best = max((_host(rule) for rule in rules), key=specificity)
        joined = _joined(rule for rule in rules if _host(rule) == best)
        seen = joined if own else [one for one in joined if _is_exported(one[0], client.namespace)]
        if seen:
            return Destinations(_for_workload(seen, client))
    return Destinations()


def passed_over(state: State, host: str) -> list[Step]:
    """Returns why rules for a host don't count that the control plane doesn't take in."""
    rules = (rule for rule in revision.apart(state, *_KIND) if covers(_host(rule), host))
    return [revision.passed_over(state, rule) for rule in rules]


def _for_workload(joined: list[tuple[Resource, ...]], client: Pod) -> tuple[Resource, ...]:
    """Those that select the client's pod, else the last of those for all."""
    for rules in joined:
        selector = _selector(rules[0])
        if (
            selector is not None
            and rules[0].namespace == client.namespace
            and selects(selector, client.labels)
        ):
            return rules
    return next((rules for rules in reversed(joined) if _selector(rules[0]) is None), ())


def _joined(rules: Iterable[Resource]) -> list[tuple[Resource, ...]]:
    """Rules for one host, those joined that Istio joins [istio/istio: mergeDestinationRule].

    Those exported alike, or further, join an older one if both have the same workload selector or none.
    """
    found: list[tuple[Resource, ...]] = []
    for rule in rules:
        exported, apart = _exported(rule), True
        for index, others in enumerate(found):
            before = _exported(others[0])
            if exported != before and not (before and exported >= before):
                continue
            apart = exported != before
            one, other = _selector(rule), _selector(others[0])
            if one is not None and other is not None and one != other:
                apart = True
                continue
            if one == other:
                apart = False
            found[index] = (*others, rule)
        if apart:
            found.append((rule,))
    return found


def _is_local(rule: Resource, default: tuple[str, ...]) -> bool:
    """Whether clients in the rule's own namespace see it.

    In the root namespace they first see what is for it alone; what it exports comes last, as for all.
    """
    exported = _exported(rule)
    if rule.namespace == ROOT_NAMESPACE and not _is_private(rule, default):
        return False
    return not exported or bool(exported & {"*", ".", rule.namespace})


def _is_private(rule: Resource, default: tuple[str, ...]) -> bool:
    exported = _exported(rule)
    return ("." in default) if not exported else exported in ({"."}, {rule.namespace})


def _is_exported(rule: Resource, namespace: str) -> bool:
    exported = _exported(rule)
    return not exported or bool(exported & {"*", namespace})


def _exported(rule: Resource) -> frozenset[str]:
    """What `exportTo` says; a rule with a workload selector stays in its namespace."""
    if _selector(rule) is not None:
        return frozenset(".")
    return frozenset(spec_of(rule).get("exportTo") or ())


def _selector(rule: Resource) -> dict[str, str] | None:
    selector = spec_of(rule).get("workloadSelector")
    return None if selector is None else selector.get("matchLabels") or {}


@per_state
def _by_host(state: State) -> dict[str, HostTable[Resource]]:
    """DestinationRules by namespace and host: those with a workload selector first, older first."""
    found: dict[str, list[tuple[str, Resource]]] = {}
    every = revision.acting(state, *_KIND)
    for rule in sorted(every, key=lambda one: _selector(one) is None):
        found.setdefault(rule.namespace, []).append((_host(rule), rule))
    return {namespace: HostTable(entries) for namespace, entries in found.items()}


@per_object
def _host(resource: Resource) -> str:
    return full_host(spec_of(resource)["host"], resource.namespace)

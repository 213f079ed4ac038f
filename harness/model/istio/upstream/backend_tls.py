"""BackendTLSPolicies as Istio takes them: each target's host gets a DestinationRule with TLS of mode SIMPLE.

[istio/istio: pilot/pkg/config/kube/gateway/backend_policies.go]
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api.backend_tls import BackendTLSPolicy
from harness.api.istio.destination_rule import CONFIG_MAP
from harness.api.istio.registry import GROUP as NETWORKING
from harness.api.istio.registry import ServiceEntry
from harness.api.kubernetes.config_map import ConfigMap
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.service import Service
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh
from harness.model.istio import revision
from harness.model.network.services import fqdn
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from harness.api.gateway_api.backend_tls import PolicyTarget, TLSValidation
    from harness.model.state import State

_IGNORE = "istio.io/ignore-policy-attachment"
_OLDEST = "0001-01-01T00:00:00Z"
_API = f"{NETWORKING}/v1"
_AUTHORITY = "ca.crt"
_LACKING = {"InvalidKind": ", and a {} isn't taken", "InvalidCACertificateRef": f" with {_AUTHORITY}"}
"""What is added to a ConfigMap's name, so that there is none; traces then say what is lacking."""


@dataclass(frozen=True)
class PolicyFaults:
    """The reasons for which a policy isn't accepted for a target, or its references don't resolve."""

    accepted: str = ""
    resolved: str = ""


def is_ignored(policy: Resource) -> bool:
    """Returns whether Istio leaves a policy alone, as its annotation asks."""
    return annotations_of(policy).get(_IGNORE, "").lower() == "true"


@per_state
def acting(state: State) -> tuple[BackendTLSPolicy, ...]:
    """Returns the policies that Istio takes in, older ones first, of one age by name."""
    if state.served.unread(Mesh.ISTIO, BackendTLSPolicy.KIND[1]):
        return ()
    every = revision.acting(state, *BackendTLSPolicy.KIND)
    return tuple(BackendTLSPolicy.kept(policy) for policy in every if not is_ignored(policy))


@per_state
def rules(state: State) -> tuple[Resource, ...]:
    """Returns the DestinationRules that policies become: one for each host of a target."""
    settings: defaultdict[tuple[str, str], dict[int | None, tuple[BackendTLSPolicy, dict[str, Any]]]]
    settings = defaultdict(dict)
    for policy in acting(state):
        tls = _settings(state, policy)
        for target in policy.targets:
            if not _target_fault(state, policy, target):
                number = _ports(state, target).get(target.section) if target.section else None
                for host in _hosts(state, target):
                    settings[target.namespace, host].setdefault(number, (policy, tls))
    return tuple(_rule(namespace, host, own) for (namespace, host), own in settings.items())


def faults(state: State, policy: BackendTLSPolicy, target: PolicyTarget) -> PolicyFaults:
    """Returns what Istio reports of a policy for one of its targets."""
    unknown, unresolved = _authority_faults(state, policy.validation)
    return PolicyFaults(_target_fault(state, policy, target) or unknown, unresolved)


def _rule(
    namespace: str, host: str, settings: dict[int | None, tuple[BackendTLSPolicy, dict[str, Any]]]
) -> Resource:
    (first, _), *_ = settings.values()
    numbered = ((number, tls) for number, (_, tls) in settings.items() if number is not None)
    ports = [{"port": {"number": number}, "tls": tls} for number, tls in numbered]
    policy: dict[str, Any] = {"portLevelSettings": ports} if ports else {}
    if None in settings:
        policy["tls"] = settings[None][1]
    name = f"{first.resource.name} (of a BackendTLSPolicy)"
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": _OLDEST}
    spec = {"host": host, "trafficPolicy": policy}
    data = {"apiVersion": _API, "kind": "DestinationRule", "metadata": metadata, "spec": spec}
    return Resource(_API, "DestinationRule", namespace, name, data, first.resource.where, _OLDEST)


def _settings(state: State, policy: BackendTLSPolicy) -> dict[str, Any]:
    """The TLS as a DestinationRule says it; an authority that can't be had is one that isn't there."""
    wanted = policy.validation
    tls: dict[str, Any] = {"mode": "SIMPLE", "sni": wanted.hostname}
    if names := [each.name for each in wanted.subject_alt_names]:
        tls["subjectAltNames"] = names
    if wanted.authorities and not wanted.well_known:
        first = wanted.authorities[0]
        lacking = _LACKING.get(_unresolved(state, wanted), "").format(first.kind)
        tls["credentialName"] = f"{CONFIG_MAP}{policy.resource.namespace}/{first.name}{lacking}"
    return tls


def _authority_faults(state: State, wanted: TLSValidation) -> tuple[str, str]:
    """Why no authority is known, and why it isn't found."""
    if wanted.well_known:
        return ("" if wanted.well_known == "System" else "Invalid"), ""
    if not wanted.authorities:
        return "", ""
    unresolved = _unresolved(state, wanted)
    return "NoValidCACertificate" if unresolved else "", unresolved


def _unresolved(state: State, wanted: TLSValidation) -> str:
    """The reason for which the first authority, the one that counts, can't be had; empty if it can."""
    first = wanted.authorities[0]
    if (first.group, first.kind) != ("", "ConfigMap"):
        return "InvalidKind"
    there = state.get("", "ConfigMap", wanted.resource.namespace, first.name)
    texts = ConfigMap.kept(there).texts if there else {}
    return "" if there and (_AUTHORITY in texts or not texts) else "InvalidCACertificateRef"


def _target_fault(state: State, policy: BackendTLSPolicy, target: PolicyTarget) -> str:
    """The reason for which a target isn't taken: it isn't there, or an older policy's."""
    ports = _ports(state, target)
    if not _hosts(state, target) or (target.section and target.section not in ports):
        return "TargetNotFound"
    first, *_ = _by_target(state).get(_key(target), [policy])
    return "" if first.resource == policy.resource else "Conflicted"


@per_state
def _by_target(state: State) -> dict[tuple[object, ...], list[BackendTLSPolicy]]:
    """The policies by the very same target, the one that counts first."""
    return grouped((_key(target), policy) for policy in acting(state) for target in policy.targets)


def _key(target: PolicyTarget) -> tuple[object, ...]:
    return target.namespace, target.group, target.kind, target.name, target.section


def _hosts(state: State, target: PolicyTarget) -> tuple[str, ...]:
    """The hosts of a target, none if it isn't there or of no kind that Istio knows."""
    there = state.get(target.group, target.kind, target.namespace, target.name)
    if there is None:
        return ()
    if (target.group, target.kind) == ("", "Service"):
        return (fqdn(there),)
    if (target.group, target.kind) == (NETWORKING, "ServiceEntry"):
        return ServiceEntry.kept(there).hosts
    return ()


def _ports(state: State, target: PolicyTarget) -> dict[str, int | None]:
    """The numbers of a target's ports by their names."""
    there = state.get(target.group, target.kind, target.namespace, target.name)
    if there is None:
        return {}
    if target.kind == "Service":
        return {port.name: port.number for port in Service.kept(there).ports}
    return {port.name: port.number for port in ServiceEntry.kept(there).ports}

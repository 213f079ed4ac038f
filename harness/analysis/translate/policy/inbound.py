"""Istio's policies for workloads: which count for a port, and what they leave to Linkerd's default policy."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.analysis.translate.policy import server
from harness.analysis.translate.policy.admission import Rules
from harness.analysis.translate.policy.clients import ACCESS, EVERYBODY
from harness.api.linkerd.annotation import DEFAULT_POLICY
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.state.tables import LabelTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Deployed, PodPort
    from harness.analysis.translate.policy.admission import Admission
    from harness.analysis.translate.policy.authorization_policy import Policy
    from harness.analysis.translate.policy.peer_authentication import Modes


def add(draft: Draft, policies: Sequence[Policy], modes: Modes) -> None:
    """Adds what keeps the policies in force for all known workloads; reports policies that find none."""
    everywhere = draft.estate.deployed
    deployed = draft.estate.workloads
    table = LabelTable((workload.resource.namespace, workload.labels, workload) for workload in deployed)
    counting: defaultdict[Deployed, list[Policy]] = defaultdict(list)
    for policy in policies:
        own = policy.resource.namespace
        spaces = everywhere if own == ROOT_NAMESPACE else (own,)
        selected = [workload for space in spaces for workload in table.selected(space, policy.labels)]
        for workload in selected:
            counting[workload].append(policy)
        if all(workload.is_gateway for workload in selected):
            draft.report("unknown-workloads", policy.resource, "spec.selector")
    spoken = {policy.resource.namespace for policy in policies}
    spoken |= {mode.resource.namespace for mode in modes.modes}
    for namespace, workloads in everywhere.items():
        served = [workload for workload in workloads if not workload.is_gateway]
        if namespace != ROOT_NAMESPACE and served and spoken & {ROOT_NAMESPACE, namespace}:
            rules = {pods: Rules(tuple(counting[pods]), modes, namespace, pods.labels) for pods in served}
            _namespace(draft, namespace, rules)
    for mode in modes.modes:
        namespace = mode.resource.namespace
        if mode.labels and not table.selected(namespace, mode.labels):
            draft.report("unknown-workloads", mode.resource, "spec.selector")
        elif mode.mode == "STRICT" and namespace == ROOT_NAMESPACE and not mode.labels:
            draft.report("mesh-wide-strict", mode.resource, "spec.mtls.mode")
        elif mode.mode == "STRICT" and not everywhere.get(namespace):  # no Server keeps plaintext out
            draft.annotate_namespace(namespace, {DEFAULT_POLICY: "all-authenticated"}, (mode.resource,))


def _namespace(draft: Draft, namespace: str, rules: Mapping[Deployed, Rules]) -> None:
    _defaults(draft, namespace, rules)
    by_port: defaultdict[int, list[tuple[Deployed, PodPort, Admission, Rules]]] = defaultdict(list)
    for workload, own in rules.items():
        for port in workload.ports:
            probes = [path for number, path in workload.probes if number == port.number]
            admission = own.at(port, probes)
            _report(draft, workload, port, admission, own, probes)
            if own.policies or ACCESS.get(admission.parts[-1].clients) != own.default:
                by_port[port.number].append((workload, port, admission, own))
    for number, servers in sorted(by_port.items()):
        serving = [workload for workload in rules if any(port.number == number for port in workload.ports)]
        alike = len({(admission.parts, port.opaque) for _, port, admission, _ in servers}) == 1
        if alike and len(servers) == len(serving):
            server.add(draft, namespace, f"{namespace}-{number}", {}, *servers[0][1:])
            continue
        for workload, port, admission, own in servers:
            name = f"{workload.resource.name}-{number}"
            server.add(draft, namespace, name, workload.selector, port, admission, own)


def _defaults(draft: Draft, namespace: str, rules: Mapping[Deployed, Rules]) -> None:
    """Says what holds for ports without a Server: by the namespace if its workloads agree, else by each."""
    defaults = {own.default for own in rules.values()}
    if defaults == {"all-unauthenticated"}:
        return
    if len(defaults) == 1:
        origins = dict.fromkeys(origin for own in rules.values() for origin in own.origins(None))
        draft.annotate_namespace(namespace, {DEFAULT_POLICY: defaults.pop()}, origins)
        return
    for workload, own in rules.items():
        draft.annotate_pods(workload.resource, {DEFAULT_POLICY: own.default}, own.origins(None))


def _report(
    draft: Draft, workload: Deployed, port: PodPort, admission: Admission, own: Rules, probes: Sequence[str]
) -> None:
    for policy, permission, why in admission.conflicts:
        code = "policy-overlap.denied" if policy.action == "DENY" else "policy-overlap"
        draft.report(code, policy.resource, permission.field, problem=why)
    if probes and own.policies and admission.parts[-1].clients != (EVERYBODY,):
        where, paths = f"port {port.number} of {workload.resource}", ", ".join(probes)
        draft.report("probes", own.policies[0].resource, "spec.rules", paths=paths, where=where)

"""Istio's policies for workloads: which count for a port, and what they leave to Linkerd's default policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.policy import server
from harness.analysis.translate.policy.clients import ACCESS, EVERYBODY
from harness.analysis.translate.policy.rules import Rules
from harness.api.istio.gateway import runs_gateway
from harness.api.kubernetes.workload import template_of
from harness.api.linkerd.annotation import DEFAULT_POLICY
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.state.tables import LabelTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Deployed, PodPort
    from harness.analysis.translate.policy.admission import Admission
    from harness.analysis.translate.policy.authorization_policy import Policy
    from harness.analysis.translate.policy.peer_authentication import Mode, Modes
    from harness.base.resources import Resource


def add(draft: Draft, policies: Sequence[Policy], modes: Modes) -> None:
    """Adds what keeps the policies in force for all known workloads; reports policies that find none."""
    everywhere = draft.estate.deployed
    table = LabelTable((space, one.labels, one) for space, known in everywhere.items() for one in known)
    counting: dict[Deployed, list[Policy]] = {}
    for policy in policies:
        own = policy.resource.namespace
        spaces = everywhere if own == ROOT_NAMESPACE else (own,)
        selected = [one for space in spaces for one in table.selected(space, policy.labels)]
        for one in selected:
            counting.setdefault(one, []).append(policy)
        if all(is_gateway(one) for one in selected):
            _report_unused(draft, policy, at_gateway=bool(selected))
    spoken = {policy.resource.namespace for policy in policies} | {
        mode.resource.namespace for mode in modes.modes
    }
    for namespace, workloads in everywhere.items():
        served = [one for one in workloads if not is_gateway(one)]
        if namespace != ROOT_NAMESPACE and served and spoken & {ROOT_NAMESPACE, namespace}:
            rules = {one: Rules(tuple(counting.get(one, ())), modes, namespace, one.labels) for one in served}
            _namespace(draft, namespace, rules)
    for mode in modes.modes:
        if mode.labels and not table.selected(mode.resource.namespace, mode.labels):
            _report_unknown(draft, mode.resource)
        elif mode.mode == "STRICT":
            _strict(draft, mode)


def _strict(draft: Draft, mode: Mode) -> None:
    """Keeps plaintext out where no workload is known."""
    namespace = mode.resource.namespace
    if namespace == ROOT_NAMESPACE and not mode.labels:
        draft.report(
            Severity.CHECK,
            "mesh-wide-strict",
            mode.resource,
            "spec.mtls.mode",
            "namespaces that aren't among the manifests don't get their annotation",
            "install Linkerd with proxy.defaultInboundPolicy: all-authenticated",
        )
    elif not draft.estate.deployed.get(namespace):
        draft.annotate_namespace(namespace, {DEFAULT_POLICY: "all-authenticated"}, (mode.resource,))


def is_gateway(workload: Deployed) -> bool:
    """Returns whether the pods are a gateway of Istio's, which goes on judging requests itself."""
    named = workload.labels.get("istio") in ("ingressgateway", "egressgateway")
    return named or runs_gateway(template_of(workload.resource))


def _report_unused(draft: Draft, policy: Policy, *, at_gateway: bool) -> None:
    if at_gateway or "ingressgateway" in policy.labels.values():
        draft.report(
            Severity.CHECK,
            "gateway-policy",
            policy.resource,
            "spec.selector",
            "it is for a gateway, which goes on judging requests itself",
            "keep it as long as Istio's gateway stays",
        )
        return
    _report_unknown(draft, policy.resource)


def _report_unknown(draft: Draft, resource: Resource) -> None:
    draft.report(
        Severity.LOST,
        "unknown-workloads",
        resource,
        "spec.selector",
        "no workload that it selects is among the manifests; a Server needs the pods' ports",
        "give the workloads' manifests, too",
    )


# --- a namespace


def _namespace(draft: Draft, namespace: str, rules: Mapping[Deployed, Rules]) -> None:
    _defaults(draft, namespace, rules)
    by_port: dict[int, list[tuple[Deployed, PodPort, Admission, Rules]]] = {}
    for workload, own in rules.items():
        for port in workload.ports:
            probes = [path for number, path in workload.probes if number == port.number]
            found = own.at(port, probes)
            _report(draft, workload, port, found, own, probes)
            if own.policies or ACCESS.get(found.parts[-1].clients) != own.default:
                by_port.setdefault(port.number, []).append((workload, port, found, own))
    for number, servers in sorted(by_port.items()):
        serving = [one for one in rules if any(port.number == number for port in one.ports)]
        alike = len({(found.parts, port.opaque) for _, port, found, _ in servers}) == 1
        if alike and len(servers) == len(serving):
            _, port, found, own = servers[0]
            server.add(draft, namespace, f"{namespace}-{number}", {}, port, found, own)
            continue
        for workload, port, found, own in servers:
            server.add(
                draft, namespace, f"{workload.resource.name}-{number}", workload.selector, port, found, own
            )


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
    draft: Draft, workload: Deployed, port: PodPort, found: Admission, own: Rules, probes: Sequence[str]
) -> None:
    for policy, permission, why in found.conflicts:
        lost = Severity.LOST if policy.action == "DENY" else Severity.CHANGED
        draft.report(
            lost, "policy-overlap", policy.resource, permission.field, why, "say it by what is allowed"
        )
    if probes and own.policies and found.parts[-1].clients != (EVERYBODY,):
        draft.report(
            Severity.CHANGED,
            "probes",
            own.policies[0].resource,
            "spec.rules",
            f"GET {', '.join(probes)} on port {port.number} of {workload.resource} is open to everyone: "
            "the kubelet has no identity, and Linkerd doesn't take probes round the proxy",
            "keep secrets out of the answers to probes",
        )

"""Traps in both meshes' authorization policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Symptom, rule
from harness.api.istio.security.authentication import PolicySpec
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.kubernetes.service import Service
from harness.api.linkerd.identity import account_of
from harness.api.linkerd.policy import LinkerdServer, MeshTLSAuthentication
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.network.services import endpoints, service_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.security.authorization_policy import Source
    from harness.api.kubernetes.selector import LabelSelector
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state.pods import Pod

_ISTIO, _LINKERD = "security.istio.io", "policy.linkerd.io"


@rule
def policy_unknown_service_account(state: State) -> Iterator[Symptom]:
    """A policy that lets in a service account that isn't there lets nobody in by it."""
    for policy, field, namespace, name in _accounts(state):
        if state.get("", "ServiceAccount", namespace, name) or any(_runs_as(state, namespace, name)):
            continue
        yield Symptom(
            policy,
            field,
            f"no service account {namespace}/{name} is known, and no workload runs as it",
            "nobody is let in by this identity",
            "correct the namespace or the account, or apply the ServiceAccount as well",
        )


@rule
def policy_caller_in_another_mesh(state: State) -> Iterator[Symptom]:
    """An identity counts inside its own mesh alone: there is no mutual TLS between two meshes."""
    for policy, field, namespace, name in _accounts(state):
        own = Mesh.ISTIO if policy.group == _ISTIO else Mesh.LINKERD
        pods = list(_runs_as(state, namespace, name))
        if pods and all(pod.mesh is not own for pod in pods):
            where = f"in {pods[0].mesh}" if pods[0].mesh else "without a proxy"
            yield Symptom(
                policy,
                field,
                f"{pods[0].workload} runs as it {where}",
                f"it comes without an identity that {own} knows, so this policy doesn't let it in",
                "move caller and server in one stage, or let the caller in by its network meanwhile",
            )


@rule
def policy_not_enforced(state: State) -> Iterator[Symptom]:
    """A policy of one mesh for pods with the other's proxy, or none, protects nothing."""
    for group, kind, mesh, field in (
        (_ISTIO, "AuthorizationPolicy", Mesh.ISTIO, "spec.selector"),
        (_LINKERD, "Server", Mesh.LINKERD, "spec.podSelector"),
    ):
        for policy in state.all(group, kind):
            pods = _selected(state, policy)
            others = [pod for pod in pods if pod.mesh is not mesh and not pod.gateway]
            if others:
                proxy = f"has {others[0].mesh}'s proxy" if others[0].mesh else "has no proxy"
                yield Symptom(
                    policy,
                    field,
                    f"selects {others[0].workload}, which {proxy}",
                    f"only {mesh}'s proxy enforces it: the workload is open to what it should keep out",
                    "translate the policy to the mesh that holds the workload, and apply it before the move",
                )


@rule
def policy_selects_nothing(state: State) -> Iterator[Symptom]:
    """A policy whose selector no pod fulfils protects nothing."""
    for group, kind, field in (
        (_ISTIO, "AuthorizationPolicy", "spec.selector"),
        (_ISTIO, "PeerAuthentication", "spec.selector"),
        (_LINKERD, "Server", "spec.podSelector"),
    ):
        for policy in state.all(group, kind):
            asked = policy.namespace == ROOT_NAMESPACE or any(
                pod.namespace == policy.namespace for pod in state.pods
            )
            if asked and not _selector(policy).is_empty and not _selected(state, policy):
                yield Symptom(
                    policy,
                    field,
                    "selects no pod",
                    "the policy protects nothing",
                    "correct the labels: they are the pods', not the Deployment's or the Service's",
                )


@rule
def policy_keeps_grpc_out(state: State) -> Iterator[Symptom]:
    """Policies that allow GET alone cut gRPC off: every gRPC request is a POST."""
    allowing = [
        (policy, _selected(state, policy.resource))
        for policy in map(AuthorizationPolicy.kept, state.all(_ISTIO, "AuthorizationPolicy"))
        if policy.action == "ALLOW" and policy.rules
    ]
    for service in state.all("", "Service"):
        ports = [port for port in service_ports(service) if port.protocol in ("grpc", "http2")]
        behind = [e.pod for port in ports if Service.kept(service).selector for e in endpoints(state, port)]
        for pod in behind[:1]:
            policies = [policy for policy, selected in allowing if pod in selected]
            if policies and not any(_takes_post(policy) for policy in policies):
                yield Symptom(
                    policies[0].resource,
                    "spec.rules",
                    f"allows no POST, and {service} speaks HTTP/2 or gRPC",
                    "every gRPC request is a POST: it is denied",
                    "allow POST for the paths of the gRPC service (/package.Service/*)",
                )


def _takes_post(policy: AuthorizationPolicy) -> bool:
    """Whether some rule lets POST in."""
    return any(
        not rule.operations
        or any(
            {"POST", "*"} & set(entry.operation.methods or ("*",))
            and not {"POST", "*"} & set(entry.operation.not_methods)
            for entry in rule.operations
        )
        for rule in policy.rules
    )


@rule
def policy_not_principals_lets_plaintext_in(state: State) -> Iterator[Symptom]:
    """`notPrincipals` of an ALLOW rule is fulfilled by every client without an identity."""
    for policy, source in _sources(state):
        if source.not_principals and not source.principals:
            yield Symptom(
                policy,
                source.at("notPrincipals"),
                "stands alone in an ALLOW rule",
                "a plaintext client has no principal, so it is let in",
                'add principals: ["*"], which asks for mutual TLS',
            )


def _accounts(state: State) -> Iterator[tuple[Resource, str, str, str]]:
    """The service accounts that policies let in by exact identities: policy, field, namespace, name."""
    for policy, source in _sources(state):
        for i, principal in enumerate(source.principals):
            parts = principal.split("/")
            if "*" not in principal and len(parts) == 5 and parts[1::2] == ["ns", "sa"]:
                yield policy, f"{source.at('principals')}[{i}]", parts[2], parts[4]
    for policy in state.all(_LINKERD, "MeshTLSAuthentication"):
        read = MeshTLSAuthentication.kept(policy)
        for i, identity in enumerate(read.written):
            if account := account_of(identity):
                yield policy, f"spec.identities[{i}]", *account
        for reference in read.references:
            if reference.kind == "ServiceAccount":
                yield policy, reference.path, reference.namespace, reference.name


def _sources(state: State) -> Iterator[tuple[Resource, Source]]:
    """The sources of all policies of Istio's that allow."""
    for policy in map(AuthorizationPolicy.kept, state.all(_ISTIO, "AuthorizationPolicy")):
        if policy.action == "ALLOW":
            for entry in (entry for rule in policy.rules for entry in rule.sources):
                yield policy.resource, entry.source


def _runs_as(state: State, namespace: str, name: str) -> Iterator[Pod]:
    return (pod for pod in state.pods if (pod.namespace, pod.service_account) == (namespace, name))


def _selector(policy: Resource) -> LabelSelector:
    if policy.group == _LINKERD:
        return LinkerdServer.kept(policy).pod_selector
    return PolicySpec.kept(policy).selector


def _selected(state: State, policy: Resource) -> list[Pod]:
    anywhere = policy.group == _ISTIO and policy.namespace == ROOT_NAMESPACE
    here = [pod for pod in state.pods if anywhere or pod.namespace == policy.namespace]
    if policy.group == _ISTIO and PolicySpec.kept(policy).targets:
        return []
    if anywhere and _selector(policy).is_empty:
        return [pod for pod in here if pod.mesh is Mesh.ISTIO]  # the whole mesh is meant
    return [pod for pod in here if _selector(policy).selects(pod.labels)]

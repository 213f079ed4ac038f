"""Traps in both meshes' authorization policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.security.authentication import PolicySpec
from harness.api.istio.security.authorization_policy import AuthorizationPolicy, wildcard
from harness.api.kubernetes.service import Service
from harness.api.linkerd.identity import (
    account_of,
)
from harness.api.linkerd.policy import (
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
)
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh
from harness.model.network.services import endpoints, service_ports
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.istio.security.authorization_policy import Source
    from harness.api.kubernetes.selector import LabelSelector
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod

_ISTIO, _LINKERD = "security.istio.io", "policy.linkerd.io"


@rule
def policy_unknown_service_account(state: State) -> Iterator[Sign]:
    for policy, field, namespace, name in _accounts(state):
        if state.get("", "ServiceAccount", namespace, name) or _runs_as(state, namespace, name):
            continue
        needs = None if _by_namespace(state).get(namespace) else ("", "ServiceAccount", namespace)
        yield seen(policy, field, needs=needs, namespace=namespace, name=name)


@rule
def policy_caller_in_another_mesh(state: State) -> Iterator[Sign]:
    for policy, field, namespace, name in _accounts(state):
        own = Mesh.ISTIO if policy.group == _ISTIO else Mesh.LINKERD
        pods = _runs_as(state, namespace, name)
        if pods and all(pod.mesh is not own for pod in pods):
            where = f"in {pods[0].mesh}" if pods[0].mesh else "without a proxy"
            yield seen(policy, field, workload=pods[0].workload, where=where, mesh=own)


@rule
def policy_not_enforced(state: State) -> Iterator[Sign]:
    for group, kind, mesh, field in (
        (_ISTIO, "AuthorizationPolicy", Mesh.ISTIO, "spec.selector"),
        (_LINKERD, "Server", Mesh.LINKERD, "spec.podSelector"),
    ):
        for policy in state.all(group, kind):
            pods = _selected(state, policy)
            others = [pod for pod in pods if pod.mesh is not mesh and not pod.gateway]
            if others:
                proxy = f"has {others[0].mesh}'s proxy" if others[0].mesh else "has no proxy"
                yield seen(policy, field, workload=others[0].workload, proxy=proxy, mesh=mesh)


@rule
def policy_unknown_namespace(state: State) -> Iterator[Sign]:
    written = {each.name for each in state.all("", "Namespace") if each.where}
    every = PLATFORM.union(written, (each.name for each in state.all("", "Namespace")))
    policies = map(AuthorizationPolicy.kept, state.all(_ISTIO, "AuthorizationPolicy")) if written else ()
    for source in (entry.source for policy in policies for part in policy.rules for entry in part.sources):
        for key, names in (("namespaces", source.namespaces), ("notNamespaces", source.not_namespaces)):
            for index, name in enumerate(names):
                if not any(wildcard(name).holds(namespace) for namespace in every):
                    yield seen(source.resource, source.entry(key, index), namespace=name)


@rule
def policy_keeps_grpc_out(state: State) -> Iterator[Sign]:
    policies = map(AuthorizationPolicy.kept, state.all(_ISTIO, "AuthorizationPolicy"))
    allowing = [policy for policy in policies if policy.action == "ALLOW" and policy.rules]
    for service in state.all("", "Service"):
        ports = [port for port in service_ports(service) if port.protocol in ("grpc", "http2")]
        behind = [e.pod for port in ports if Service.kept(service).selector for e in endpoints(state, port)]
        for pod in behind[:1]:
            spaces = (pod.namespace, ROOT_NAMESPACE)
            here = [policy for policy in allowing if policy.resource.namespace in spaces]
            selecting = [policy for policy in here if _selected_of([pod], policy.resource)]
            if selecting and not any(_takes_post(policy) for policy in selecting):
                yield seen(selecting[0], "rules", service=service)


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
def policy_not_principals_lets_plaintext_in(state: State) -> Iterator[Sign]:
    for source in _sources(state):
        if source.not_principals and not source.principals:
            yield seen(source, "notPrincipals")


def _accounts(state: State) -> Iterator[tuple[Resource, str, str, str]]:
    """The service accounts that policies let in by exact identities: policy, field, namespace, name."""
    for source in _sources(state):
        for i, principal in enumerate(source.principals):
            parts = principal.split("/")
            if "*" not in principal and len(parts) == 5 and parts[1::2] == ["ns", "sa"]:
                yield source.resource, f"{source.at('principals')}[{i}]", parts[2], parts[4]
    for policy in state.all(_LINKERD, "AuthorizationPolicy"):
        for wanted in LinkerdAuthorizationPolicy.kept(policy).authentications:
            if wanted.kind == "ServiceAccount":
                yield policy, wanted.path, wanted.namespace, wanted.name
    for policy in state.all(_LINKERD, "MeshTLSAuthentication"):
        read = MeshTLSAuthentication.kept(policy)
        for i, identity in enumerate(read.written):
            if account := account_of(identity):
                yield policy, f"spec.identities[{i}]", *account
        for reference in read.references:
            if reference.kind == "ServiceAccount":
                yield policy, reference.path, reference.namespace, reference.name


def _sources(state: State) -> Iterator[Source]:
    """The sources of all policies of Istio's that allow."""
    for policy in map(AuthorizationPolicy.kept, state.all(_ISTIO, "AuthorizationPolicy")):
        if policy.action == "ALLOW":
            yield from (entry.source for rule in policy.rules for entry in rule.sources)


def _runs_as(state: State, namespace: str, name: str) -> list[Pod]:
    return _by_account(state).get((namespace, name), [])


@per_state
def _by_account(state: State) -> dict[tuple[str, str], list[Pod]]:
    return grouped(((pod.namespace, pod.service_account), pod) for pod in state.pods)


@per_state
def _by_namespace(state: State) -> dict[str, list[Pod]]:
    return grouped((pod.namespace, pod) for pod in state.pods)


def _selector(policy: Resource) -> LabelSelector:
    if policy.group == _LINKERD:
        return LinkerdServer.kept(policy).pod_selector
    return PolicySpec.kept(policy).selector


def _selected(state: State, policy: Resource) -> list[Pod]:
    if policy.group == _LINKERD and LinkerdServer.kept(policy).for_machines:
        return []
    anywhere = policy.group == _ISTIO and policy.namespace == ROOT_NAMESPACE
    here = state.pods if anywhere else _by_namespace(state).get(policy.namespace, ())
    return _selected_of(here, policy)


def _selected_of(pods: Iterable[Pod], policy: Resource) -> list[Pod]:
    """Those that a policy selects of the pods of its namespace, or of all if that is the mesh's root."""
    selector, istio = _selector(policy), policy.group == _ISTIO
    if istio and PolicySpec.kept(policy).targets:
        return []
    if istio and policy.namespace == ROOT_NAMESPACE and selector.is_empty:
        return [pod for pod in pods if pod.mesh is Mesh.ISTIO]  # the whole mesh is meant
    return [pod for pod in pods if selector.selects(pod.labels)]

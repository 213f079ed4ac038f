"""Callers that are in no manifest: one in each mesh, one in none, and those whom policies name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.base.resources import per_object
from harness.model import changes
from tests.model.clusters import deployment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh, Workload
    from harness.model import State
    from harness.model.state import Pod

Identity = tuple[str, str]
"""A namespace, and a service account there."""

_PRINCIPALS = (
    re.compile(r"(?:^|/)ns/(?P<namespace>[a-z0-9-]+)/sa/(?P<account>[a-z0-9-]+)$"),
    re.compile(r"^(?P<account>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.serviceaccount\.identity\."),
)
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def named(objects: Iterable[Resource]) -> frozenset[Identity]:
    """Returns the identities that objects name: of a namespace alone its default account."""
    return frozenset(identity for each in objects for identity in _named(each))


def with_strangers(state: State, mesh: Mesh, identities: Iterable[Identity] = ()) -> State:
    """Returns the state with strangers; those with `identities` are in `mesh`, if in a namespace of their own."""
    for each in (*sorted(state.meshes), None):
        state = changes.place(state, f"elsewhere-{each or 'bare'}", [each] if each else [])
        state = _with(state, f"elsewhere-{each or 'bare'}", "default", "client")
    inhabited = {pod.namespace for pod in state.pods}
    known = {(pod.namespace, pod.service_account) for pod in state.pods}
    for namespace, account in sorted(set(identities) - known):
        if namespace not in inhabited:
            state = changes.place(state, namespace, [mesh])
        state = _with(state, namespace, account, f"stranger-{account}")
    return with_addresses(state)


def with_addresses(state: State) -> State:
    """Returns the state with something to dial in the place of pods' addresses, which isn't taken for one."""

    def addressed(pod: Pod) -> Pod:
        return pod if pod.gateway else replace(pod, ip=address(pod.workload))

    running = {workload: tuple(map(addressed, pods)) for workload, pods in state.running.items()}
    return replace(state, running=running)


def address(workload: Workload) -> str:
    """Returns what is dialled in the place of the address of a workload's pods."""
    return f"oracle.{workload.namespace}.{workload.name}"


def _with(state: State, namespace: str, account: str, name: str) -> State:
    pod = {"serviceAccountName": account, "containers": [{"name": "client", "image": "any/client:1"}]}
    return changes.apply(state, [deployment(f"{namespace}/{name}", pod)])


@per_object
def _named(resource: Resource) -> frozenset[Identity]:
    return frozenset(_below(resource.data, ""))


def _below(value: Any, key: str) -> Iterator[Identity]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _below(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _below(each, key)
    elif isinstance(value, str):
        for match in filter(None, (pattern.search(value) for pattern in _PRINCIPALS)):
            yield match["namespace"], match["account"]
        if key in ("namespaces", "notNamespaces") and _NAMESPACE.fullmatch(value):
            yield value, "default"
        if key in ("serviceAccounts", "notServiceAccounts") and value.count("/") == 1:
            namespace, _, account = value.partition("/")
            if _NAMESPACE.fullmatch(namespace) and _NAMESPACE.fullmatch(account):
                yield namespace, account

"""Callers that no configuration has: some in the meshes, one outside, and those that only policies name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.explore.client import IDENTITY, NAMESPACE
from harness.analysis.explore.texts import undone
from harness.api.linkerd.identity import account_of
from harness.api.node import live
from harness.base.matching import TextMatch
from harness.base.vocabulary import Workload
from harness.model import changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.explored import Asked
    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model import State
    from harness.model.state import Pod

STRANGERS = "harness-strangers"
"""Begins the namespaces of callers that neither configuration knows: in the meshes, and outside."""


STAYING = f"{STRANGERS}-staying"
"""The namespace of a caller that stays in the mesh of before."""


def with_strangers(state: State, staying: Mesh | None = None) -> State:
    """Returns the state with a caller outside the meshes, and one in each mesh that holds pods.

    Where none holds any there is one in each that is installed. One more is `staying` in a mesh, which is
    installed for it.
    """
    meshes = _holding(state)
    if staying:
        state = changes.apply(
            changes.place(changes.install(state, staying), STAYING, [staying]), [_stranger(STAYING)]
        )
    names = ["meshed", *meshes[1:]]  # the first of another state may be another mesh
    for name, place in (
        *((name, [mesh]) for name, mesh in zip(names, meshes, strict=False)),
        ("unmeshed", []),
    ):
        namespace = f"{STRANGERS}-{name}"
        state = changes.apply(changes.place(state, namespace, place), [_stranger(namespace)])
    return state


def _holding(state: State) -> list[Mesh]:
    """The meshes that hold pods, that of the most first; where none does those that are installed."""
    held = [pod.mesh for pod in state.pods if pod.mesh and not pod.gateway]
    return sorted(set(held) or state.meshes, key=lambda mesh: (-held.count(mesh), mesh))


def left(before: State, after: State) -> Mesh | None:
    """Returns the mesh that held the most pods before, if another one does after."""
    was, now = (_holding(state)[:1] for state in (before, after))
    return was[0] if was and was != now else None


def _stranger(namespace: str) -> Resource:
    metadata, labels = {"name": "caller", "namespace": namespace}, {"app": "harness-stranger"}
    pod = {"containers": [{"name": "caller", "image": "caller"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return live({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})


def named_places(questions: Iterable[Asked]) -> list[tuple[str, str]]:
    """Returns the namespaces and service accounts (empty: any) that questions of a client name, each once."""
    places: dict[tuple[str, str], None] = {}
    for question in questions:
        for likely in _likely(question.test):
            texts = undone(likely, question.changes)
            own = (_place(question.attribute, text) for text in texts if text)
            places.update(dict.fromkeys(place for place in own if place))
    return [place for place in places if _LABEL.fullmatch(place[0])]


_LABEL = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")
"""What a namespace can be called (RFC 1123): an identity's text may be read as one that can't be there."""

_NAMESPACE = re.compile(r"/ns/([a-z0-9-]+)/")


def _likely(test: object) -> Iterator[str]:
    """Texts of a namespace, or of an identity, that fulfil a condition."""
    if not isinstance(test, TextMatch):
        return
    value = test.value
    match test.kind:
        case "exact":
            yield value
        case "prefix":
            yield from (f"{value}{end}" for end in ("", "default", "sa/default", "/sa/default", "-harness"))
        case "suffix":
            yield from (f"{start}{value}" for start in ("default", "default.harness", "harness-"))
            start = "spiffe://cluster.local/ns/harness"
            yield from (f"{start}{part}{value}" for part in ("", "/sa/", "/sa/harness"))
        case "regex" if named := _NAMESPACE.search(value):
            yield f"spiffe://cluster.local/ns/{named[1]}/sa/default"


_SPIFFE = re.compile(r"spiffe://[^/]+/ns/([^/]+)/sa/([^/]+)")


def _place(attribute: str, text: str) -> tuple[str, str] | None:
    """The namespace and the account (empty: any) that a text names, if it names some."""
    if attribute == NAMESPACE:
        return text, ""
    if not attribute.startswith(IDENTITY):
        return None
    named = _SPIFFE.fullmatch(text)
    return (named[1], named[2]) if named else account_of(text)


def moved(pod: Pod, namespace: str, account: str) -> Pod:
    """Returns the pod as it would be in another namespace, with another account."""
    account = account or pod.service_account or "default"
    identities = {}
    for mesh, text in pod.identities.items():
        own = text.replace(pod.namespace, namespace)
        old = pod.service_account or "default"
        identities[mesh] = (
            own.removesuffix(old) + account
            if own.endswith(f"/sa/{old}")
            else own.replace(f"{old}.", f"{account}.", 1)
        )
    workload = Workload(namespace, "harness-stranger")
    return replace(pod, workload=workload, service_account=account, identities=identities)

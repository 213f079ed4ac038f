"""Which objects Istio's control plane takes in: those of other revisions are passed over.

An object without the label `istio.io/rev` is for every control plane; one with it for that of this revision
alone, and a tag in its place is nobody's. Of the Gateway API that holds for all kinds but Gateways, whose
label, or their namespace's, says who deploys them: a revision, or a tag of it.
[istio/istio: pkg/config/model.go, LabelsInRevision; pkg/revisions/tag_watcher.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.definition import MUTATING
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.workload import renamed, template_of
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.errors import not_modelled
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.state.tables import per_state
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.base.resources import Resource
    from harness.model.state import Objects, State
    from harness.traffic.trace import Step

DEFAULT = "default"
"""The revision of an installation that names none, and the tag of the one that serves who asks none."""

_TAG = "istio.io/tag"
_CONTAINER, _VARIABLE = "discovery", "REVISION"
_DEFAULT_VALIDATOR = (MUTATING[0], "ValidatingWebhookConfiguration", "", "istiod-default-validator")


def is_istiod(resource: Resource) -> bool:
    """Returns whether an object runs a control plane."""
    return resource.key[:2] == ("apps", "Deployment") and any(
        container.name == _CONTAINER for container in template_of(resource).spec.containers
    )


def assumed(istiod: Resource, resources: Iterable[Resource]) -> Iterator[Resource]:
    """Yields the control planes of the revisions that Namespaces ask for, made after a default one.

    None where the objects show the control planes, or webhooks, themselves.
    """
    asked: dict[str, None] = {}
    for resource in resources:
        if resource.key[:2] == MUTATING or is_istiod(resource):
            return
        labels = labels_of(resource) if resource.kind == "Namespace" else {}
        if labels.get(marks.ISTIO_INJECTION) == "enabled":
            asked[DEFAULT] = None
        elif marks.ISTIO_REVISION in labels:
            asked[labels[marks.ISTIO_REVISION]] = None
    if asked.keys() <= {DEFAULT}:
        return
    for index, name in enumerate(sorted(asked, key=lambda name: name != DEFAULT)):
        yield renamed(istiod, istiod.name if index == 0 else f"{istiod.name}-{name}", {_VARIABLE: name})


def running(objects: Objects) -> frozenset[str]:
    """Returns the revisions of the control planes, as istiods' Deployments tell; else the default one."""
    revisions = set()
    for istiod in objects.all("apps", "Deployment", ROOT_NAMESPACE):
        for container in template_of(istiod).spec.containers:
            if container.name == _CONTAINER:
                revisions.add(container.variables.get(_VARIABLE, _of(istiod)))
    return frozenset(revision for revision in revisions if revision) or frozenset((DEFAULT,))


@per_state
def _running(state: State) -> frozenset[str]:
    return running(state)


def is_foreign(objects: Objects, resource: Resource) -> bool:
    """Returns whether no control plane takes an object in."""
    return _of(resource) is not None and _of(resource) not in running(objects)


def acting(state: State, group: str, kind: str) -> tuple[Resource, ...]:
    """Returns the objects of a kind that a control plane takes in, older first."""
    return tuple(resource for resource in state.all(group, kind) if _of(resource) in (None, *_running(state)))


def apart(state: State, group: str, kind: str) -> tuple[Resource, ...]:
    """Returns a kind's objects of other revisions, or of one of several control planes, older first."""
    return _apart(state).get((group, kind), ())


def is_apart(state: State, resource: Resource) -> bool:
    """Returns whether not all proxies are told of an object."""
    return _of(resource) is not None and {_of(resource)} != _running(state)


def passed_over(state: State, kind: tuple[str, str], concerned: Callable[[Resource], bool]) -> list[Step]:
    """Returns why those of a kind's objects don't count that are of concern and `apart`."""
    return [why_apart(state, resource) for resource in apart(state, *kind) if concerned(resource)]


def why_apart(state: State, resource: Resource) -> Step:
    """Returns why an object that is `apart` doesn't count; NotModelledError if one of several takes it in."""
    planes = ", ".join(sorted(_running(state)))
    if _of(resource) in _running(state):
        why = f"of several control planes ({planes}) one takes it in"
        raise not_modelled(resource, f"label {marks.ISTIO_REVISION}", why)
    words = "is of revision {}, and the control plane of {}: it is passed over"
    field = f"metadata.labels.{marks.ISTIO_REVISION}"
    return step(resource, field, Action.IGNORED, words, _of(resource) or "", planes)


def deploys(objects: Objects, gateway: Resource) -> bool:
    """Returns whether a control plane deploys what a Gateway of the Gateway API asks for.

    Its label says whom it asks, or its namespace's; else it is for the default tag or revision. Without any
    webhook among the objects nothing tells of those.
    """
    namespace = objects.get("", "Namespace", "", gateway.namespace)
    wanted = _of(gateway) or (_of(namespace) if namespace else None)
    revisions, webhooks = running(objects), objects.all(*MUTATING)
    tags = {tag: _of(webhook) for webhook in webhooks if (tag := labels_of(webhook).get(_TAG))}
    if wanted is not None:
        return wanted in revisions or tags.get(wanted) in revisions
    if DEFAULT in revisions or not webhooks:
        return True
    validator = objects.get(*_DEFAULT_VALIDATOR)
    return tags.get(DEFAULT, _of(validator) if validator else None) in revisions


def _of(resource: Resource) -> str | None:
    return labels_of(resource).get(marks.ISTIO_REVISION)


@per_state
def _apart(state: State) -> dict[tuple[str, str], tuple[Resource, ...]]:
    by_kind: dict[tuple[str, str], tuple[Resource, ...]] = {}
    for stored in sorted(state.objects.values(), key=lambda stored: stored.age):
        live = stored.live
        read = live.group == GATEWAY_API or MESH_OF_GROUP.get(live.group) is Mesh.ISTIO
        if read and is_apart(state, live):
            by_kind[live.group, live.kind] = (*by_kind.get((live.group, live.kind), ()), live)
    return by_kind

"""Which Services a change is about: those that the object names or selects, or that its neighbours do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.base.resources import per_object
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE
from tests.mutation.harvest import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.base.resources import Resource
    from harness.model import State

_APPS = ("Deployment", "Service", "Namespace", "ServiceAccount", "StatefulSet", "Secret", "ConfigMap")


def services(states: Sequence[State]) -> tuple[list[Resource], list[Resource]]:
    """Returns the estate's Services of either side, and those of gateways."""
    every = {each.key: each for state in states for each in state.all("", "Service")}.values()
    gateways = [each for each in every if any(_of_gateway(state, each) for state in states)]
    inner = [each for each in every if each not in gateways and each.namespace not in PLATFORM]
    return inner, gateways


def aimed(
    changed: Sequence[Resource], others: Iterable[Resource], inner: Iterable[Resource], state: State
) -> list[Resource]:
    """Returns the Services that the changed objects are about; all where none is."""
    words = frozenset().union(*map(texts, changed))
    own = {each.name for each in changed}
    near = [each for each in others if each.kind not in _APPS and (each.name in words or own & texts(each))]
    close = [*changed, *near]
    return [
        each for each in inner if any(_names(one, each) or _covers(one, each, state) for one in close)
    ] or list(inner)


def _names(resource: Resource, service: Resource) -> bool:
    """Whether an object says a Service's name."""
    short = f"{service.name}.{service.namespace}"
    names = {short, f"{short}.svc", f"{short}.svc.cluster.local"}
    if resource.namespace == service.namespace:
        names.add(service.name)
    return resource.key == service.key or bool(names & texts(resource))


def _covers(resource: Resource, service: Resource, state: State) -> bool:
    """Whether an object selects pods of a Service, or all in its namespace."""
    if resource.namespace not in (service.namespace, ROOT_NAMESPACE):
        return False
    selectors = _selectors(resource)
    if not selectors:
        return resource.kind not in _APPS
    wanted = _spec(service).get("selector") or {}
    pods = [
        pod
        for pod in state.pods
        if pod.namespace == service.namespace and wanted.items() <= pod.labels.items()
    ]
    return any(selector.items() <= pod.labels.items() for pod in pods for selector in selectors)


@per_object
def _selectors(resource: Resource) -> tuple[dict[str, Any], ...]:
    return tuple(_below(_spec(resource)))


def _below(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("selector", "matchLabels", "podSelector", "labels") and _is_flat(each):
                yield each
            yield from _below(each)
    elif isinstance(value, list):
        for each in value:
            yield from _below(each)


def _is_flat(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _of_gateway(state: State, service: Resource) -> bool:
    wanted = _spec(service).get("selector") or {}
    pods = (pod for pod in state.pods if pod.gateway and pod.namespace == service.namespace)
    return bool(wanted) and any(wanted.items() <= pod.labels.items() for pod in pods)


def _spec(resource: Resource) -> dict[str, Any]:
    return resource.data.get("spec") or {}

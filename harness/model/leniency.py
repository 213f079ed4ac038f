"""Deciding in spite of what the model doesn't understand: without those fields and objects, and saying so."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.kubernetes.workload import is_workload
from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.base.places import paths
from harness.base.vocabulary import CONTROL_PLANES, Workload
from harness.manifests.documents import plain
from harness.model.state import Undecided
from harness.model.state.tables import grouped
from harness.traffic.trace import Action, Step, leaves, step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from harness.base.resources import Resource
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

# Of these kinds a trace names each object that was asked; others may count without being named.
_ALWAYS_NAMED = frozenset(
    "VirtualService HTTPRoute GRPCRoute TLSRoute TCPRoute AuthorizationPolicy RequestAuthentication".split()
)


class Leniency:
    """Amends objects that the model doesn't take, and keeps what that left out (beside `omissions`)."""

    def __init__(self, omissions: Iterable[Undecided] = ()) -> None:
        self._omissions = grouped((omission.resource.key, omission) for omission in omissions)

    @property
    def omissions(self) -> tuple[Undecided, ...]:
        """All that was left out."""
        return tuple(omission for omissions in self._omissions.values() for omission in omissions)

    def __call__(self, resource: Resource, error: NotModelledError | Refused) -> Resource | None:
        """Returns the object without the field that the error is about; None if it is to be left out."""
        field, why, todo = "", error.what, ""
        if isinstance(error, NotModelledError):
            field, why, todo = error.field, error.why, error.todo
        amended = without(resource, field) if field else None
        omissions = self._omissions.setdefault(resource.key, [])
        gone = [omission.field for omission in omissions]
        if amended is None and isinstance(error, Refused) and omissions:
            # Refused for the lack of what was taken away, perhaps: it's no fault of the object's.
            first = omissions[0]
            omissions[:] = [Undecided(resource, "", first.why, first.field, todo=first.todo)]
        elif amended is None:
            about, refused = _as_written(error.path, gone), isinstance(error, Refused)
            omissions[:] = [Undecided(resource, "", why, about, refused, todo=todo)]
        else:
            omissions.append(Undecided(resource, _as_written(field, gone), why, todo=todo))
        return amended

    def leaves_out(self, resource: Resource) -> bool:
        """Returns whether nothing of the object is left."""
        return any(not omission.field for omission in self._omissions.get(resource.key, ()))

    def taken(self, resource: Resource, check: Callable[[Resource], Resource]) -> Resource | None:
        """Returns what a check makes of the object, amended until it passes; None if it is to be left out."""
        amended: Resource | None = resource
        while amended is not None:
            try:
                return check(amended)
            except (NotModelledError, Refused) as error:
                amended = self(amended, error)
        return None


def _as_written(field: str, gone: Collection[str]) -> str:
    """A field's path in the object as it was written: items of a list that are gone still count."""
    written = ""
    for name, index in re.findall(r"((?:(?!\[\d+\]).)+)|\[(\d+)\]", field):
        if name:
            written += name
            continue
        at = int(index)
        items = (re.fullmatch(re.escape(written) + r"\[(\d+)\]", path) for path in gone)
        for item in sorted(int(match[1]) for match in items if match):
            at += at >= item
        written += f"[{at}]"
    return written


def without(resource: Resource, field: str) -> Resource | None:
    """Returns the object without a field, None if it has no such field by that name.

    A field is a path (`spec.http[0].corsPolicy`), `label NAME` or `annotation NAME` (of the object or its
    pods), or a path of a text that is YAML itself, and the path in there (`data.mesh defaultConfig`).
    """
    data = resource.data
    for path in paths(field):
        data = _without(data, path)
    return None if data == resource.data else replace(resource, data=data)


def _without(value: Any, path: str) -> Any:
    """The value without what stands at a path; itself if nothing does."""
    if isinstance(value, dict):
        fitting = (key for key in value if re.match(re.escape(str(key)) + r"([.\[ ]|$)", path))
        key = max(fitting, key=len, default=None)
        if key is None:
            return value
        rest = path[len(key) :].removeprefix(".")
        kept = {name: item for name, item in value.items() if rest or name != key}
        return {name: _without(item, rest) if name == key else item for name, item in kept.items()}
    if isinstance(value, list) and (indexed := re.match(r"\[(\d+)\]\.?", path)):
        index, rest = int(indexed[1]), path[indexed.end() :]
        if not rest:
            return value[:index] + value[index + 1 :]
        return [_without(item, rest) if at == index else item for at, item in enumerate(value)]
    if isinstance(value, str) and path.startswith(" "):
        return yaml.safe_dump(_without(plain(value), path[1:]))
    return value


def with_omissions(request: Request, outcomes: Outcomes, omissions: Iterable[Undecided]) -> Outcomes:
    """Returns the outcomes, in each trace what was left out that may have counted for this request.

    Steps name fields as they were written, also those behind items that are gone. What may have counted is:
    of the objects that the traces name; of workloads that they mention; in the namespaces that take part, of
    kinds that count without being named; and all objects that were left out whole (those in short).
    """
    steps = [reason for group in outcomes.groups for reason in group.trace]
    named = {reason.resource.key for reason in steps if reason.resource}
    mentioned = {request.source, *(part for reason in steps for part in leaves(reason.parts))}
    places = {namespace for _, _, namespace, _ in named if namespace}
    namespaces = {request.source.namespace, *places, *CONTROL_PLANES.values()}

    def counts(omission: Undecided) -> bool:
        resource = omission.resource
        if resource.key in named:
            return True
        if is_workload(resource):
            return Workload(resource.namespace, resource.name) in mentioned
        at = resource.namespace or resource.name
        return resource.kind not in _ALWAYS_NAMED and at in namespaces

    listed = tuple(omissions)
    trace = tuple(
        step(omission.resource, omission.field, Action.NOT_MODELLED, "not modelled: {}", omission.why)
        for omission in listed
        if omission.field and counts(omission)
    )
    trace += tuple(_in_short([omission for omission in listed if not omission.field]))
    gone = grouped((omission.resource.key, omission.field) for omission in listed)

    def as_written(reason: Step) -> Step:
        fields = gone.get(reason.resource.key) if reason.resource else None
        return replace(reason, field=_as_written(reason.field, fields)) if fields else reason

    groups = tuple(replace(group, trace=(*map(as_written, group.trace), *trace)) for group in outcomes.groups)
    return replace(outcomes, groups=groups)


def _in_short(omissions: list[Undecided]) -> Iterator[Step]:
    """A line for each kind of which objects were left out."""

    def kind(omission: Undecided) -> tuple[str, str, str]:
        return omission.resource.kind, omission.resource.group, omission.why

    for (_, _, why), alike in groupby(sorted(omissions, key=kind), kind):
        first, *others = alike
        also = tuple(omission.resource for omission in others)
        template = "not modelled, left out: {}"
        yield Step(Action.NOT_MODELLED, template, (why,), first.resource, also=also, about=first.about)

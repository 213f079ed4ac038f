"""Kinds that the harness doesn't read: which of them can move traffic, and why, as foreign.yaml says."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from harness.api.kubernetes.metadata import labels_of
from harness.api.marks import ISTIO_COMPONENT
from harness.api.schema.kinds import COMPLETE, INERT, KINDS, RELEASES
from harness.manifests.documents import Loader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource

_GROUPS = frozenset().union(*(release.groups for release in RELEASES.values()))


LOCAL = frozenset(
    [
        ("networking.istio.io", "EnvoyFilter"),
        ("networking.istio.io", "ProxyConfig"),
        ("extensions.istio.io", "WasmPlugin"),
        ("extensions.istio.io", "TrafficExtension"),
    ]
)
"""Kinds that say where they act: the trace of each request that may meet one names it."""


class Reason(NamedTuple):
    """Why an object isn't decided: a field of it (empty: all of it), and what that can do."""

    field: str
    why: str


def is_foreign(resource: Resource) -> bool:
    """Returns whether an object is of a kind that the harness doesn't read and that may well exist.

    Of API groups whose kinds are all known another kind is a mistake.
    """
    kind = (resource.group, resource.kind)
    if kind in KINDS or kind in INERT:
        return False
    return _listed(*kind) is not None or resource.group not in COMPLETE | _GROUPS


def reason(resource: Resource) -> Reason | None:
    """Returns why an object of a foreign kind can move traffic, None if it can't; of an Ingress, why it may.

    What Istio's own installer made is a part of the mesh that the model knows.
    """
    kind = (resource.group, resource.kind)
    written = _table().get(kind[0], {}).get(kind[1]) if kind in KINDS else _listed(*kind)
    if written is None or ISTIO_COMPONENT in labels_of(resource):
        return None
    if isinstance(written, str):
        return Reason("", written)
    return next((Reason(field, why) for field, why in written.items() if _has(resource.data, field)), None)


def moves_traffic(group: str, kind: str = "") -> bool:
    """Returns whether a kind (empty: any kind of the API group) isn't read and can move traffic."""
    return _listed(group, kind) is not None if kind else group in _table()


def counted(resources: Iterable[Resource]) -> str:
    """Returns the line that counts foreign objects by kind; empty if there are none."""
    kinds = Counter(f"{each.kind}.{each.group}" for each in resources if is_foreign(each))
    if not kinds:
        return ""
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"kinds that aren't read, applied as they are: {listed}"


@cache
def _table() -> dict[str, dict[str, str | dict[str, str]]]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, str | dict[str, str]]] = yaml.load(text, Loader)
    return table


def _listed(group: str, kind: str) -> str | dict[str, str] | None:
    """What the table has of a kind."""
    kinds = _table().get(group, {})
    return kinds.get(kind, kinds.get("*"))


def _has(data: Any, field: str) -> bool:
    for name in field.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return bool(data)

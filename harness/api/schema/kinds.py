"""The kinds that the model reads and those that it stores unread, as the YAML files beside this module say.

`kinds.yaml` lists them. The files that it names have the shapes of their objects: they map API groups to
kinds, and have `parts` that kinds share by YAML's anchors. A name is a type there, `[…]` a list, `{…}` an
object, `{"*": …}` a map with free keys, `name!` a field that must be there; `!open`, `!oneOf`, `!enum`,
`!range` and `!pattern` are the classes of `shapes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from harness.api.gateway_api import GROUP
from harness.api.schema.shapes import LATER, Enum, Map, OneOf, Open, Pattern, Range, Required
from harness.base.vocabulary import Mesh
from harness.manifests.documents import Loader

if TYPE_CHECKING:
    from harness.api.schema.shapes import Shape

GATEWAY_API = GROUP


@dataclass(frozen=True)
class Kind:
    """A kind: the versions that its group serves, and the file of its shapes, read once one is asked for."""

    group: str
    name: str
    versions: tuple[str, ...]
    file: str

    @cached_property
    def fields(self) -> dict[str, Shape]:
        """The fields of its objects beside apiVersion, kind, metadata and status."""
        kinds: dict[str, dict[str, dict[str, Shape]]] = _shapes(self.file)
        return kinds[self.group][self.name]


class Release(NamedTuple):
    """A release that the tables are of, and all API groups that it brings."""

    name: str
    groups: frozenset[str]


@cache
def _shapes(file: str) -> Any:
    text = Path(__file__).with_name(f"{file}.yaml").read_text(encoding="utf-8")
    return _shape(yaml.compose(text, Loader), {})


def _shape(node: Any, made: dict[Any, Any]) -> Any:
    """What a node stands for; `made` has those of other nodes: an alias leads to the node that it names."""
    if node in made:
        return made[node]
    parts = node.value
    match node.tag.rpartition(":")[2]:
        case "map" if len(parts) == 1 and parts[0][0].value == "*":
            made[node] = Map(_shape(parts[0][1], made))
        case "map" | "!open" | "!oneOf" as tag:
            fields = made[node] = {"!open": Open, "!oneOf": OneOf}.get(tag, dict)()  # it may hold itself
            for key, part in parts:
                shape = _shape(part, made)
                if key.value == "<<":
                    fields.update(shape)
                else:
                    required = key.value.endswith("!")
                    fields[key.value.removesuffix("!")] = Required(shape) if required else shape
        case "seq":
            made[node] = [_shape(part, made) for part in parts]
        case "!enum":
            made[node] = Enum(*(_shape(part, made) for part in parts))
        case "!range":
            made[node] = Range(*(_shape(part, made) for part in parts))
        case "!pattern":
            made[node] = Pattern(parts)
        case "int":
            made[node] = int(parts)
        case _:
            made[node] = LATER if parts == "later" else parts
    return made[node]


_TABLE = _shapes("kinds")

KINDS = {
    (group, name): Kind(group, name, tuple(versions.split()), file)
    for file, groups in _TABLE["read"].items()
    for group, kinds in groups.items()
    for name, versions in kinds.items()
}
"""Kinds whose fields are checked, by API group and kind."""

CHECKED = {
    (group, name): Kind(group, name, (), file)
    for file, groups in _TABLE["checked"].items()
    for group, kinds in groups.items()
    for name in kinds.split()
}
"""Kinds whose fields are checked, and that aren't read to decide."""

FOREIGN_WORKLOAD = Kind("*", "Workload", (), "kubernetes")
"""What is read of workloads whose kind isn't."""

READ = frozenset(key for key, kind in KINDS.items() if kind.file == "kubernetes")
"""Kubernetes' own kinds of which the model reads what traffic depends on."""

INERT = frozenset((group, kind) for group, kinds in _TABLE["inert"].items() for kind in kinds.split())
"""Kinds that requests don't notice: stored, and otherwise left alone."""

COMPLETE = frozenset(_TABLE["complete"])
"""API groups of which all kinds are known."""


def kinds_of(group: str) -> frozenset[str]:
    """Returns the names of the kinds of an API group that are read or stored."""
    return frozenset(kind for of, kind in (*KINDS, *INERT) if of == group)


RELEASES = {
    key: Release(release["name"], frozenset(release["groups"].split()))
    for key, release in _TABLE["releases"].items()
}
"""The releases of the Gateway API (`gateway_api`) and of each mesh."""

MESH_OF_GROUP = {group: mesh for mesh in Mesh for group in RELEASES[mesh].groups}
"""The mesh that brings an API group; Gateway API's comes with either."""

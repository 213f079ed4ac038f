"""Changes to objects: of a leaf, an item of a list or a key, sometimes of several; or a further object."""

from __future__ import annotations

import re
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.node import live

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from harness.base.resources import Resource

Path = tuple[str | int, ...]

GONE = object()
"""In the place of a value that is taken away."""

_ALTERNATIVES = (
    ("ALLOW", "DENY", "AUDIT", "CUSTOM"),
    ("STRICT", "PERMISSIVE", "DISABLE", "UNSET"),
    ("Exact", "PathPrefix", "RegularExpression"),
    ("GET", "POST", "PUT", "DELETE"),
    ("HTTP", "HTTPS", "TLS", "TCP", "GRPC", "HTTP2"),
    ("http", "https", "grpc", "tcp", "tls"),
    ("SIMPLE", "PASSTHROUGH", "MUTUAL", "ISTIO_MUTUAL", "DISABLE"),
    ("MESH_EXTERNAL", "MESH_INTERNAL"),
    ("DNS", "NONE", "STATIC"),
    ("HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS", "unknown"),
    ("deny", "all-unauthenticated", "all-authenticated", "cluster-authenticated", "audit"),
    ("exact", "prefix", "regex"),
    ("set", "add"),
    ("enabled", "disabled", "true", "false"),
    ("ClusterIP", "None", "ExternalName"),
    ("ALLOW_ANY", "REGISTRY_ONLY", "Allow", "Deny"),
    ("Same", "All", "Selector"),
    ("paths", "notPaths"), ("methods", "notMethods"), ("hosts", "notHosts"), ("ports", "notPorts"),
    ("namespaces", "notNamespaces"), ("principals", "notPrincipals"), ("values", "notValues"),
    ("headers", "withoutHeaders"), ("timeout", "perTryTimeout"), ("serviceAccounts", "notServiceAccounts"),
)  # fmt: skip
"""Words that stand in each other's place: values, and keys."""

_COPIES, _MORE = 0.1, 0.25
"""How many of all changes are of an object's copy under another name, and up to which one has more than one."""

_INERT = frozenset(("apiVersion", "kind"))
_THERE = (("metadata", "name"), ("metadata", "namespace"))
"""Fields that each object has."""
_OWN = (*_THERE, ("metadata", "labels"), ("metadata", "annotations"))
_POD = ("labels", "annotations", "selector", "replicas", "ports", "serviceAccountName", "hostNetwork", "readinessProbe", "livenessProbe", "matchLabels")  # fmt: skip
"""What of workloads counts in a mesh, where applications are all alike."""


@dataclass(frozen=True)
class Mutant:
    """An object (None: it wasn't there) and what became of it (None: it is gone); `path` is the first change's."""

    old: Resource | None
    new: Resource | None
    path: Path
    change: str

    @property
    def objects(self) -> list[Resource]:
        """The object as it is on each side that has it."""
        return [each for each in (self.old, self.new) if each is not None]

    @property
    def field(self) -> str:
        """The field's path without numbers."""
        return ".".join(str(key) for key in self.path if isinstance(key, str))

    def __str__(self) -> str:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return f"{self.objects[0]} {where.lstrip('.')}: {self.change}"


class Mutation:
    """Draws changes to the objects of an estate, of each kind and field alike often."""

    def __init__(self, objects: Iterable[Resource], random: Random) -> None:
        self.random = random
        self.fields: dict[str, dict[str, list[tuple[Resource, Path]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.texts: dict[object, list[str]] = defaultdict(list)
        for resource in objects:
            for path, value in _places(resource.data):
                if _counts(resource, path):
                    name = ".".join(str(key) for key in path if isinstance(key, str))
                    self.fields[resource.kind][name].append((resource, path))
                if isinstance(value, str) and len(value) < 200:
                    self.texts[_last(path)].append(value)
        self.every = sorted({text for texts in self.texts.values() for text in texts})

    def draw(self) -> Mutant | None:
        """Returns a change, None where the field that was drawn can't be changed so."""
        kinds = sorted(self.fields)
        if not kinds:
            return None
        weights = [1 if kind in _PLAIN else 4 for kind in kinds]
        of_kind = self.fields[self.random.choices(kinds, weights)[0]]
        resource, path = self.random.choice(of_kind[self.random.choice(sorted(of_kind))])
        if not path:
            return Mutant(resource, None, path, "object removed")
        data = deepcopy(resource.data)
        change = self._changed(data, path)
        if change is None or data == resource.data:
            return None
        chance = self.random.random()
        if chance < _MORE:
            more = [self._changed(data, self._other_place(resource, data)) for _ in range(2)]
            change = "; ".join(filter(None, (change, *more)))
        if chance < _COPIES and resource.kind != "Namespace":
            data["metadata"]["name"] += "-too"
            return Mutant(None, live(data), path, f"added, with {change}")
        return Mutant(resource, live(data), path, change)

    def _other_place(self, resource: Resource, data: Any) -> Path:
        """The path of any field of an object, () if it has none that counts."""
        places = [path for path, _ in _places(data) if path and _counts(resource, path)]
        return self.random.choice(places or [()])

    def _changed(self, data: Any, path: Path) -> str | None:
        """Changes the value at a path in place; returns what was done, in words."""
        if not path:
            return None
        *outer, key = path
        for step in outer:
            data = data[step]
        return self._change(data, key, keeps=path in _THERE)

    def _change(self, inside: Any, key: Any, *, keeps: bool) -> str | None:
        """Changes a value of a list or mapping in place; returns what was done, in words.

        The field itself stays if it `keeps`.
        """
        value = inside[key]
        ways = [] if keeps else ["removed"]
        if isinstance(inside, list):
            ways += ["duplicated", "swapped"]
        elif isinstance(key, str) and not keeps:
            ways += ["renamed"]
        if not isinstance(value, dict | list) or not value:
            ways += ["replaced"] * 4
        match self.random.choice(ways):
            case "removed":
                del inside[key]
                return f"{_short(value)} removed"
            case "duplicated":
                inside.insert(key, deepcopy(value))
                return f"{_short(value)} duplicated"
            case "swapped" if len(inside) > 1:
                other = (key + 1) % len(inside)
                inside[key], inside[other] = inside[other], inside[key]
                return f"swapped with [{other}]"
            case "renamed":
                name = self._other_word(key, keys=True)
                if name in inside:
                    return None
                renamed = {name if each == key else each: inside[each] for each in list(inside)}
                inside.clear()
                inside.update(renamed)
                return f"key renamed to {name}"
            case "replaced":
                inside[key] = self._other(value, key)
                return f"{_short(value)} -> {_short(inside[key])}"
        return None

    def _other(self, value: Any, key: Any) -> Any:
        match value:
            case bool():
                return not value
            case int() | float():
                return self.random.choice([value + 1, value - 1, value * 2, 0])
            case str():
                if self.random.random() < 0.4 and (
                    alike := [text for text in self.texts[key] if text != value]
                ):
                    return self.random.choice(alike)
                return self._other_word(value)
            case _ if key in ("labels", "annotations"):  # anything else isn't read at all
                return {"x": "x"}
            case _:
                return self.random.choice([True, 1, "x"])

    def _other_word(self, word: str, *, keys: bool = False) -> str:
        groups = [group for group in _ALTERNATIVES if word in group]
        if groups and self.random.random() < 0.8:
            return self.random.choice([each for each in self.random.choice(groups) if each != word])
        if number := re.fullmatch(r"(\d+)(ms|s|m|h|)", word):
            return f"{int(number[1]) * 2 if self.random.random() < 0.5 else int(number[1]) + 1}{number[2]}"
        near = [
            f"{word}x",
            f"x{word}",
            word[:-1],
            word.swapcase(),
            word.upper(),
            f"{word}/x",
            f"{word}*",
            f"{word}-x",
        ]
        if "/" in word or "." in word:
            near += [
                word.rpartition("/")[0],
                word.partition(".")[0],
                word.replace("/", "", 1),
                f"{word}/",
                f"/x{word}",
            ]
        if self.every and not keys and self.random.random() < 0.15:
            return self.random.choice(self.every)
        return self.random.choice([each for each in near if each != word and each] or ["x"])


_PLAIN = frozenset("Deployment StatefulSet DaemonSet ReplicaSet Job CronJob Pod ServiceAccount Secret ConfigMap Namespace Role RoleBinding ClusterRole ClusterRoleBinding CustomResourceDefinition PersistentVolumeClaim".split())  # fmt: skip
"""Kinds that have little to say of traffic: they are drawn less often."""


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yields each value below, with its path."""
    yield path, value
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        yield from _places(each, (*path, key))


def _counts(resource: Resource, path: Path) -> bool:
    """Whether a field may say something of traffic."""
    if not path:
        return resource.kind not in ("Deployment", "StatefulSet", "Namespace")
    if path[0] in _INERT or path == ("metadata",):
        return False
    if path[0] == "metadata" and len(path) == 2:
        return path in _OWN and (resource.kind != "Namespace" or path not in _THERE)
    if "template" in path or resource.kind in (
        "Pod",
        "StatefulSet",
        "Deployment",
        "CronJob",
        "Job",
        "DaemonSet",
    ):
        return any(word in path for word in _POD)
    return True


def _last(path: Path) -> object:
    return next((key for key in reversed(path) if isinstance(key, str)), "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 120 else f"{text[:117]}..."

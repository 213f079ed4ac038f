"""Patches of objects: JSON merge patches (RFC 7386) and JSON patches (RFC 6902), which can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonpatch
import jsonpointer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import ObjectName

Operation = dict[str, Any]

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_VALUED = ("add", "replace", "test")


@dataclass(frozen=True)
class Patch:
    """A change of one object: what to merge into it, or the operations of a JSON patch."""

    target: ObjectName
    merge: Mapping[str, Any] | None = None
    operations: tuple[Operation, ...] = ()

    def done(self, data: Mapping[str, Any]) -> bool:
        """Returns whether an object is as the patch makes it: patched again it must stay so.

        Operations that move or copy can't be told from the object, and so are never done.
        """
        if self.merge is not None:
            return bool(merged(data, self.merge) == data)
        changes = [operation for operation in self.operations if operation["op"] != "test"]
        return all(_done(data, operation) for operation in changes)

    def patched(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the object's data with the change; raises ValueError where an operation doesn't fit."""
        if self.merge is not None:
            result: dict[str, Any] = merged(data, self.merge)
            return result
        changed: Any = dict(data)
        for operation in self.operations:
            changed = _operated(changed, operation)
        return dict(changed)

    def __str__(self) -> str:
        return f"patch {self.target}"


def merged(target: Any, patch: Any) -> Any:
    """Returns what a JSON merge patch makes of a value: mappings are merged, None takes a member away."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def check(operation: Mapping[str, Any]) -> None:
    """Raises ValueError if a mapping isn't an operation of a JSON patch."""
    kind = operation.get("op")
    if kind not in OPERATIONS:
        raise ValueError(f"unknown operation {kind!r}; valid: {', '.join(OPERATIONS)}")
    paths = ["path", *(["from"] if kind in ("move", "copy") else [])]
    for key in paths:
        path = operation.get(key)
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise ValueError(f"{key!r} of {kind} must be a JSON pointer, as in /spec/replicas")
    if kind in _VALUED and "value" not in operation:
        raise ValueError(f"{kind} needs a 'value'")
    if unknown := sorted(operation.keys() - {"op", *paths, *(["value"] if kind in _VALUED else [])}):
        raise ValueError(f"{kind} has no {', '.join(map(repr, unknown))}")


def _done(data: Mapping[str, Any], operation: Operation) -> bool:
    if operation["op"] in ("move", "copy"):
        return False
    path = operation["path"]
    try:
        if path.endswith("/-"):
            items = jsonpointer.resolve_pointer(data, path.removesuffix("/-"))
            return bool(items) and _contains(items[-1], operation["value"])
        value = jsonpointer.resolve_pointer(data, path)
    except jsonpatch.JsonPointerException:
        return bool(operation["op"] == "remove")
    return operation["op"] != "remove" and _contains(value, operation["value"])


def _operated(data: Any, operation: Operation) -> Any:
    what = f"{operation['op']} {operation['path']}"
    try:
        return jsonpatch.apply_patch(data, [operation])
    except jsonpatch.JsonPatchTestFailed as error:
        value = jsonpointer.resolve_pointer(data, operation["path"], None)
        raise ValueError(f"{what}: it is {value!r}") from error
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ValueError(f"{what}: {error}") from error


def _contains(part: Any, value: Any) -> bool:
    """Whether a value is there, within what a cluster or later operations added to it."""
    if isinstance(value, dict):
        members = part if isinstance(part, dict) else {}
        return isinstance(part, dict) and all(
            key in members and _contains(members[key], item) for key, item in value.items()
        )
    return bool(part == value)

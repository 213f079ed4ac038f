"""What the meshes' own checks say, read from their JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.base.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def analyzed(text: str, namespaces: Collection[str], accepted: Collection[str]) -> list[str]:
    """Returns the errors of `istioctl analyze -o json` in these namespaces, bar the accepted codes."""
    found: list[dict[str, Any]] = _read(text, "istioctl analyze") or []
    return [
        f"{one['code']} {one.get('origin', '')}: {one['message']}"
        for one in found
        if one["level"] == "Error" and one["code"] not in accepted and _concerns(one, namespaces)
    ]


def checked(text: str) -> list[str]:
    """Returns the errors that `linkerd check -o json` found; its warnings are none."""
    return list(_failures(_read(text, "linkerd check")))


def _concerns(found: dict[str, Any], namespaces: Collection[str]) -> bool:
    """Whether a finding is about one of these namespaces, or an object in them, or of the whole cluster."""
    kind, _, name = str(found.get("origin", "")).partition(" ")
    namespace, slash, _ = name.partition("/")
    return namespace in namespaces if slash or kind == "Namespace" else True


def _failures(result: Any) -> Iterator[str]:
    for category in result["categories"]:
        for one in category["checks"]:
            if one["result"] == "error":
                hint = f" (see {one['hint']})" if one.get("hint") else ""
                yield f"{category['categoryName']}: {one['description']}: {one.get('error', '')}{hint}"


def _read(text: str, tool: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise StageError(f"{tool} gave no answer", why=text.strip() or "it printed nothing") from None

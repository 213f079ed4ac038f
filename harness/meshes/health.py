"""What the meshes' own checks say, read from their JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.base.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Collection


def analyzed(text: str, namespaces: Collection[str], accepted: Collection[str]) -> list[str]:
    """Returns the errors of `istioctl analyze -o json` in these namespaces, bar the accepted codes."""
    findings: list[dict[str, Any]] = _read(text, "istioctl analyze") or []
    return [
        f"{finding['code']} {finding.get('origin', '')}: {finding['message']}"
        for finding in findings
        if finding["level"] == "Error" and finding["code"] not in accepted and _concerns(finding, namespaces)
    ]


def checked(text: str) -> list[str]:
    """Returns the errors that `linkerd check -o json` found; its warnings are none."""
    return [
        f"{category['categoryName']}: {check['description']}: {check.get('error', '')}{_hint(check)}"
        for category in _read(text, "linkerd check")["categories"]
        for check in category["checks"]
        if check["result"] == "error"
    ]


def _hint(check: dict[str, Any]) -> str:
    return f" (see {check['hint']})" if check.get("hint") else ""


def _concerns(finding: dict[str, Any], namespaces: Collection[str]) -> bool:
    """Whether a finding is about one of these namespaces, or an object in them, or of the whole cluster."""
    kind, _, name = str(finding.get("origin", "")).partition(" ")
    namespace, slash, _ = name.partition("/")
    return namespace in namespaces if slash or kind == "Namespace" else True


def _read(text: str, tool: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise StageError(f"{tool} gave no answer", why=text.strip() or "it printed nothing") from None

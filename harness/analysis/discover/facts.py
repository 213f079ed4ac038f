"""What is known of a setting of an Istio installation, whatever gave it."""

from __future__ import annotations

import json

from harness.analysis.discover.chart_facts import VALUES
from harness.analysis.discover.mesh_facts import MESH, PROXY, YES, Fact

_FACTS: dict[str, Fact] = {
    **VALUES,
    **{f"meshConfig.{name}": fact for name, fact in MESH.items()},
    **{f"meshConfig.defaultConfig.{name}": fact for name, fact in PROXY.items()},
}
_AT_SOME_VALUE = frozenset(name.partition("=")[0] for name in _FACTS if "=" in name)
_OUTER = frozenset(
    name[:index] for name in _FACTS for index, character in enumerate(name) if character == "."
)
_AT_OTHERS = Fact(YES, "at this value nothing has to be carried over")


def fact(name: str, value: object) -> Fact | None:
    """Returns what becomes of a setting at a value; None if nothing is known of it.

    What is known of a setting is known of all inside it of which nothing else is.
    """
    said = value if isinstance(value, str) else json.dumps(value, default=str)
    found = _FACTS.get(f"{name}={said}") or _FACTS.get(name)
    if found is None and name in _AT_SOME_VALUE:
        return _AT_OTHERS
    while found is None and name:
        name = name.rpartition(".")[0]
        found = _FACTS.get(name)
    return found


def is_whole(name: str) -> bool:
    """Returns whether something is known of a setting, and of nothing inside it apart."""
    return name not in _OUTER and fact(name, None) is not None

"""What becomes of Istio's settings under Linkerd: in one word, and why; settings.yaml has the facts."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from harness.analysis.texts import beside
from harness.analysis.translate import Severity


class Verdict(StrEnum):
    """What becomes of a feature or a setting, the worst first."""

    NO_EQUIVALENT = "no equivalent"
    """Nothing in Linkerd or the Gateway API does this."""
    CHANGES = "changes"
    """Something does it, but differently, or under an assumption that only the user can check."""
    CHECK = "check"
    """It isn't known what this does."""
    TRANSLATES = "translates"
    """It is carried over as it is, or goes with Istio and is missed by nobody."""

    @property
    def rank(self) -> int:
        """How bad it is; 0 is the worst."""
        return list(Verdict).index(self)


OF_SEVERITY = {
    Severity.LOST: Verdict.NO_EQUIVALENT,
    Severity.CHANGED: Verdict.CHANGES,
    Severity.CHECK: Verdict.CHANGES,
    Severity.REPAIRED: Verdict.TRANSLATES,
}


class Fact(NamedTuple):
    """What becomes of a setting, why, and what to do for it."""

    verdict: Verdict
    why: str
    todo: str = ""


_AT_OTHERS = Fact(Verdict.TRANSLATES, "at this value nothing has to be carried over")
# Istiod's own values have two names: those of its chart alone, and those under `pilot`.
_PILOT = "pilot."
_PREFIXES = {
    "values": "",
    "meshConfig": "meshConfig.",
    "defaultConfig": "meshConfig.defaultConfig.",
    "classes": "gatewayClassName ",
}


@cache
def _facts() -> dict[str, Fact]:
    """What is known, by the names of settings in Helm's charts (`name=value`: at that value)."""
    return {
        f"{prefix}{name}": Fact(verdict, entry["why"], entry.get("todo", ""))
        for verdict in Verdict
        for entry in beside(__file__, "settings.yaml")[verdict]
        for section, prefix in _PREFIXES.items()
        for name in entry.get(section, "").split()
    }


@cache
def _special() -> tuple[frozenset[str], frozenset[str]]:
    """The settings of which something is known at some value, and those of which it is inside them."""
    names = _facts().keys()
    valued = frozenset(name.partition("=")[0] for name in names if "=" in name)
    outer = (name[:index] for name in names for index, character in enumerate(name) if character == ".")
    return valued, frozenset(outer)


def fact(name: str, value: object) -> Fact | None:
    """Returns what becomes of a setting at a value; None if nothing is known of it.

    What is known of a setting is known of all inside it of which nothing else is.
    """
    facts, name = _facts(), name.removeprefix(_PILOT)
    written = value if isinstance(value, str) else json.dumps(value, default=str)
    closest = facts.get(f"{name}={written}") or facts.get(name)
    if closest is None and name in _special()[0]:
        return _AT_OTHERS
    while closest is None and name:
        name = name.rpartition(".")[0]
        closest = facts.get(name)
    return closest


def of_class(name: str) -> Fact | None:
    """Returns what becomes of a GatewayClass of Istio's, None for another one."""
    return _facts().get(f"gatewayClassName {name}")


def is_whole(name: str) -> bool:
    """Returns whether something is known of a setting, and of nothing inside it apart."""
    return name.removeprefix(_PILOT) not in _special()[1] and fact(name, None) is not None

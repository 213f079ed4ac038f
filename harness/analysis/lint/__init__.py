"""Known traps in a mesh's configuration, found without any request.

`lint(state)` asks every rule in turn; each rule is a function of a `State`, documented by its docstring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint import (
    authorization,
    destination_rule,
    linkerd,
    mutual_tls,
    placement,
    routes,
    virtual_service,
)
from harness.analysis.lint.trap import RULES, Symptom, Trap

if TYPE_CHECKING:
    from harness.model import State

__all__ = ["RULES", "Symptom", "Trap", "lint"]

_FAMILIES = (authorization, destination_rule, linkerd, mutual_tls, placement, routes, virtual_service)


def lint(state: State) -> tuple[Trap, ...]:
    """Returns the traps in a cluster's configuration, by file and line; empty where no rule finds any."""
    traps = [
        Trap(name, symptom.resource.place(symptom.field).position, symptom)
        for name, check in RULES.items()
        for symptom in check(state)
    ]
    return tuple(sorted(traps, key=lambda trap: (trap.where.source, trap.where.line, trap.rule)))

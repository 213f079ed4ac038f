"""What changes a cluster: each function takes a state and returns the next.

state = changes.apply(changes.install(State(), Mesh.ISTIO), resources)
"""

from __future__ import annotations

from harness.model.changes.kubectl import apply, install, mark, place, remove, restart, uninstall

__all__ = ["apply", "install", "mark", "place", "remove", "restart", "uninstall"]

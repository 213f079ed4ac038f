"""How pytest-xdist shares the work out: a scenario stays on one worker, as its stages build on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScheduling, LoadScopeScheduling

from harness.plugin.node_id import scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def scheduler(config: pytest.Config, log: Any) -> LoadScheduling | LoadScopeScheduling | None:
    """Returns what shares out as `--dist` asks; None where xdist's own keeps scenarios together already."""
    match config.getvalue("dist"):
        case "load" | "worksteal":
            return _Load(config, log)
        case "loadscope":
            return _LoadScope(config, log)
        case _:
            return None


def uncut(node_ids: Sequence[str], count: int) -> int:
    """Returns how many of these items to take, `count` at least, so that no scenario is cut."""
    while 0 < count < len(node_ids):
        last = scenario(node_ids[count - 1])
        if last is None or last != scenario(node_ids[count]):
            break
        count += 1
    return count


class _Load(LoadScheduling):
    """A worker gets chunks of what is left, each to the end of a scenario."""

    def _send_tests(self, node: Any, num: int) -> None:
        ids = self.collection or ()
        super()._send_tests(node, uncut([ids[index] for index in self.pending], num))


class _LoadScope(LoadScopeScheduling):
    """A worker gets modules, classes and scenarios whole."""

    def _split_scope(self, nodeid: str) -> str:
        return scenario(nodeid) or super()._split_scope(nodeid)

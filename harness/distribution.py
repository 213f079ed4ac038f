"""How pytest-xdist shares the work out: a scenario is one piece, any other test its own."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

from harness.settings import SCENARIO_SUFFIXES


class ScenarioScheduling(LoadScopeScheduling):
    """Sends all items of a scenario file to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(SCENARIO_SUFFIXES) else nodeid

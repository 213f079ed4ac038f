"""What an item's id tells."""

from __future__ import annotations

from harness.base.settings import SCENARIO_SUFFIXES


def scenario(node_id: str) -> str | None:
    """Returns the scenario file that an item is of, None for any other test."""
    file = node_id.partition("::")[0]
    return file if file.endswith(SCENARIO_SUFFIXES) else None

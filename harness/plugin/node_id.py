"""What an item's id tells."""

from __future__ import annotations

from harness.base.scenario_files import SUFFIXES


def scenario(node_id: str) -> str | None:
    """Returns the scenario file that an item is of, None for any other test."""
    file = node_id.partition("::")[0]
    return file if file.endswith(SUFFIXES) else None


def part(name: str) -> str:
    """Returns a stage's name as a part of an id: pytest splits ids at `::`, but not behind a `[`."""
    return name.replace("::", ":").replace("[", "(").replace("]", ")")

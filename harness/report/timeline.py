"""A transition's timeline for a terminal: its steps, with what became of the requests in each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.traffic.timeline import LATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def summary(timeline: Mapping[str, Any], file: Path | None = None) -> str:
    """Returns a line for each step, from what `Timeline.as_json` tells; `file` is where all of it is kept."""
    lines = [f"{timeline['load']}, from {timeline['began']}"]
    for step in timeline["steps"]:
        counts = step["requests"]
        told = [f"{counts['turns']} requests", f"{counts['failed']} failed"]
        if counts["unknown"]:
            told.append(f"{counts['unknown']} not known")
        told.append(f"slowest {counts['slowest']:.2f} s")
        if counts["latest"] > LATE:
            told.append(f"started up to {counts['latest']:.1f} s late")
        changes = Counter(
            pod["phase"] for pod in timeline["pods"] if step["start"] <= pod["at"] < step["end"]
        )
        if changes:
            told.append("pods: " + ", ".join(f"{count} {phase}" for phase, count in changes.items()))
        lines.append(f"{step['start']:7.2f} s  {step['doing']}: {', '.join(told)}")
    if file:
        lines.append(f"kept as {file}")
    return "\n".join(lines)

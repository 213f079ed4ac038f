"""What a scenario file says."""

from __future__ import annotations

from harness.scenario.loader import load_mapping, load_scenario
from harness.scenario.models import Check, Scenario, Stage

__all__ = ["Check", "Scenario", "Stage", "load_mapping", "load_scenario"]

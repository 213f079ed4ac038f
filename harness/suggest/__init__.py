"""A scenario written from a configuration: what a user starts with, and then edits.

`suggest(…)` asks the model for each split, route, policy, hop, fault and time limit of the configuration at
each stage of a migration, and writes what it says as expectations.
"""

from __future__ import annotations

from harness.suggest.suggestion import Suggestion, suggest

__all__ = ["Suggestion", "suggest"]

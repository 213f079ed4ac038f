"""A scenario written from a configuration: what a user starts with, and then edits.

`suggest(…)` asks the model what becomes of requests at each stage of a migration, and writes that, and what
changes, as expectations.
"""

from __future__ import annotations

from harness.suggest.draft import suggest
from harness.suggest.suggestion import Suggestion

__all__ = ["Suggestion", "suggest"]

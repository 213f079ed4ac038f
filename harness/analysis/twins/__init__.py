"""Parts of an estate that are the same but for names."""

from __future__ import annotations

from harness.analysis.twins.twins import Twins

__all__ = ["Twins"]

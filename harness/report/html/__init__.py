"""A document as one HTML file: made of the document alone, with no script, and nothing to load."""

from __future__ import annotations

from harness.report.html.page import page

__all__ = ["page"]

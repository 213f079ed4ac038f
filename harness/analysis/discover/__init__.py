"""What an estate uses of Istio, what becomes of each of it under Linkerd, and in which order to migrate.

`discover(resources)` is pure; it returns the features in use, the values that the installation was given, and
the order of namespaces that keeps plaintext boundaries fewest.
"""

from __future__ import annotations

from harness.analysis.discover.discovery import Discovery, discover
from harness.analysis.discover.facts import Verdict
from harness.analysis.discover.features import Feature
from harness.analysis.discover.installation import Setting
from harness.analysis.discover.migration import Migration, Stage

__all__ = ["Discovery", "Feature", "Migration", "Setting", "Stage", "Verdict", "discover"]

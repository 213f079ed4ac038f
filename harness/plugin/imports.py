"""Imports of packages as they are written, while pytest would rewrite them.

pytest rewrites the `assert`s in all modules of a plugin's distribution, so that they tell their values.
The harness's own have nothing to tell a user, and rewriting takes longer than importing, in each run where
bytecode isn't kept.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class AsWritten:
    """Finds modules in these top-level packages as Python does without pytest.

    The packages themselves are left to pytest: it warns of those that it can't rewrite.
    """

    def __init__(self, *packages: str) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns where the module is; None for a top-level package, and in other packages."""
        package, dot, _ = fullname.partition(".")
        if not dot or package not in self._packages:
            return None
        return PathFinder.find_spec(fullname, path, target)


def import_as_written(*packages: str) -> None:
    """Has modules in these top-level packages that aren't imported yet imported as they are written."""
    sys.meta_path.insert(0, AsWritten(*packages))

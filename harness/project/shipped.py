"""The scenarios that come with the harness, and their manifests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import harness
from harness.base import InputError, did_you_mean
from harness.manifests.documents import plain

_PACKAGE = Path(harness.__file__).parent

_PLACES = (_PACKAGE / "shipped", _PACKAGE.parent)
FOLDER = next((each for each in _PLACES if (each / "scenarios" / "conformance").is_dir()), _PLACES[0])
"""Where `scenarios` and `manifests` are: in an installed package, else in the checkout."""

CONFORMANCE = FOLDER / "scenarios" / "conformance"
"""The Gateway API's tests, which `harness conformance` runs: no migration."""


@dataclass(frozen=True)
class Shipped:
    """A scenario that comes with the harness: its name, as `faces/migration`, its file, and what it says."""

    name: str
    file: Path
    written: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.written["name"])

    @property
    def needs(self) -> tuple[str, ...]:
        """Returns the files and folders that it names, below the folder in which `manifests` stands.

        A scenario names an app of that folder, or a path.
        """
        apps = [app if "/" in app else f"manifests/{app}" for app in self.written.get("apps", ())]
        configs = [path for path in self.written.get("configs", {}).values() if isinstance(path, str)]
        meshes = self.written.get("meshes", {}).values()
        installing = [mesh[key] for mesh in meshes for key in ("values", "manifests") if key in mesh]
        keys = self.written.get("outside", {}).get("jwks", {}).values()
        return tuple(dict.fromkeys((*apps, *configs, *installing, *keys)))


@cache
def scenarios() -> tuple[Shipped, ...]:
    """Returns all but those of conformance, by name; raises InputError where the package has none."""
    folder = FOLDER / "scenarios"
    files = [path for path in sorted(folder.rglob("*.yaml")) if CONFORMANCE not in path.parents]
    if not files:
        raise InputError(
            "no scenario came with the harness", where=str(folder), todo="install mesh-migration-harness anew"
        )
    return tuple(
        Shipped(path.relative_to(folder).with_suffix("").as_posix(), path, plain(path.read_text("utf-8")))
        for path in files
    )


def named(name: str) -> Shipped:
    """Returns the scenario of a name, or of its last part where that is enough; raises InputError."""
    fitting = [each for each in scenarios() if name in (each.name, each.name.rpartition("/")[2])]
    if len(fitting) == 1:
        return fitting[0]
    names = [each.name for each in fitting or scenarios()]
    what = "there are several scenarios" if fitting else "there is no scenario"
    raise InputError(f"{what} called {name!r}", todo=did_you_mean(name, names))

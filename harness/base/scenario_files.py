"""Which files are scenarios: by their place, and by what they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path, PurePath

SUFFIXES = (".yaml", ".yml")
FOLDER = "scenarios"

_BYTES = 64 * 1024
_KEY = re.compile(r"^([A-Za-z_]+)[ \t]*:", re.MULTILINE)
_OWN = frozenset(("apps", "stages", "configs", "always", "during", "meshes", "outside", "undecided"))
"""Keys of a scenario that don't stand at the top of every other file."""
_STAGE = re.compile(r"^[ \t-]+(mesh|apply|expect|install|uninstall|delete|restart)[ \t]*:", re.MULTILINE)
_MODELINE = "scenario.schema.json"


def is_below(path: PurePath, folders: Iterable[str]) -> bool:
    """Returns whether a path, relative to the project's root, is of YAML in one of these folders.

    A folder is a name, wherever below the root it is, or a path of several.
    """
    if path.suffix not in SUFFIXES:
        return False
    parts = path.parent.parts
    wanted = [tuple(folder.strip("/").split("/")) for folder in folders]
    return any(
        parts[at : at + len(names)] == names for names in wanted for at in range(len(parts) - len(names) + 1)
    )


def is_meant(path: Path) -> bool:
    """Returns whether a file is meant as a scenario, though it may be broken: by its keys at the top.

    It has a scenario's keys alone, or two that are a scenario's own, or its stages: other tools' YAML has
    stages, too, but no such.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as opened:
            text = opened.read(_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    keys = frozenset(_KEY.findall(text))
    if keys & {"apiVersion", "kind"}:
        return False
    own = keys & _OWN
    if "name" in keys and keys <= _OWN | {"name"}:  # whatever it lacks
        return True
    return (
        _MODELINE in text
        or len(own) > 1
        or ("stages" in own and _STAGE.search(text) is not None)
        or ("apps" in own and "name" in keys)
    )


def is_other_tool(path: PurePath) -> bool:
    """Returns whether a file's name says that another tool reads it, as `x.tavern.yaml` does."""
    return len(path.suffixes) > 1

"""Texts of analyses: YAML files beside their modules, what one is about, and names that aren't taken yet."""

from __future__ import annotations

from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.base.resources import Resource
from harness.manifests.documents import Loader

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.api.node import Node


@cache
def beside(module: str, name: str) -> dict[str, Any]:
    """Returns what a YAML file in the folder of a module holds; it is read once."""
    data: dict[str, Any] = yaml.load(Path(module).with_name(name).read_text("utf-8"), Loader)
    return data


def place(at: Node | Resource, field: str) -> tuple[Resource, str]:
    """Returns the object and the path of a reading's field (none: of all of it), or both as they are."""
    if isinstance(at, Resource):
        return at, field
    return at.resource, at.at(field) if field else at.path


def free(name: str, taken: Collection[str]) -> str:
    """Returns the name, with a number if it is taken."""
    numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(candidate for candidate in numbered if candidate not in taken)

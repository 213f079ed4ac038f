"""What a state has that the model doesn't decide with: nothing that takes part in it can be proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.base.places import Place
    from harness.base.resources import Resource


@dataclass(frozen=True)
class Undecided:
    """A part of an object that the model decides without: a field, or (empty) the whole object.

    `about` is the path of what is wrong in an object that is left out whole, if a field is. `refused` tells
    that a cluster wouldn't take the object: the model knows it, and its API doesn't. `local`: traces name it
    where a request may meet it; for all others it counts for nothing. `todo` is what puts it right, if known.
    """

    resource: Resource
    field: str
    why: str
    about: str = ""
    refused: bool = False
    local: bool = False
    todo: str = ""

    @property
    def place(self) -> Place:
        """Where that stands."""
        return self.resource.place(self.field or self.about)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.resource}{' ' if self.field else ''}{self.field}: not decided: {self.why}"

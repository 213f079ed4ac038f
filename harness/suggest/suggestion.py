"""A whole suggestion: expectations in their places, and what they don't cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.translate import Finding
    from harness.suggest.question import Entry, Origin


@dataclass(frozen=True)
class Item:
    """An expectation in its place, where it comes from, if that wasn't told before, and what it is about.

    `was` is the expectation of the stage before, where it changes, and `why`.
    """

    entry: Entry
    subject: str
    origins: tuple[Origin, ...]
    was: Entry | None = None
    why: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """What holds in every stage, what in each, and what isn't covered, with the reason."""

    always: tuple[Item, ...]
    stages: tuple[tuple[Item, ...], ...]
    uncovered: tuple[str, ...]
    work: int = 0
    """The most work that it was to decide on one request."""

    @property
    def names(self) -> Iterator[str]:
        """The names of what holds in every stage."""
        return (item.entry.name for item in self.always)

    @property
    def first(self) -> Iterator[Entry]:
        """The expectations of the first stage, as the estate is."""
        return (item.entry for part in (self.always, *self.stages[:1]) for item in part)

    @property
    def entries(self) -> Iterator[Entry]:
        """All expectations."""
        return (item.entry for part in (self.always, *self.stages) for item in part)

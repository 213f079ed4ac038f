"""Who notices a difference: workloads, of which an estate has many, and each difference has many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.explore.renaming import Renaming


@dataclass(frozen=True, eq=False)
class Roster:
    """Names that many differences have some of."""

    names: tuple[str, ...]

    def some(self, members: int) -> Sources:
        """Returns those that the bits of a number stand for."""
        return Sources(((self, members),))


@dataclass(frozen=True)
class Sources:
    """Names of callers: of each roster those that the bits of a number stand for."""

    sets: tuple[tuple[Roster, int], ...] = ()
    renaming: Renaming | None = None

    def __or__(self, other: Sources) -> Sources:
        """The names of both."""
        sets: dict[Roster, int] = {}
        for roster, members in (*self.sets, *other.sets):
            sets[roster] = sets.get(roster, 0) | members
        return Sources(tuple(sets.items()))

    def renamed(self, renaming: Renaming) -> Sources:
        """Returns the names that are in the place of these."""
        return Sources(self.sets, renaming)

    def __len__(self) -> int:
        return sum(members.bit_count() for _, members in self.sets)

    def __iter__(self) -> Iterator[str]:
        for roster, members in self.sets:
            while members:
                name = roster.names[(members & -members).bit_length() - 1]
                yield self.renaming.text(name) if self.renaming else name
                members &= members - 1

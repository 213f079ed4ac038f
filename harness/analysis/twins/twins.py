"""Parts of an estate that are the same but for names: what holds for one of them holds for the others.

Platforms stamp out services from a template. A part is the objects of both configurations that share
names which no other object has. Two are twins if the objects of one, with its names in the place of the
other's, are the objects of the other. To exchange all these names then changes neither configuration; so
a request to one is answered as the same request, with its names exchanged, to the other. That holds as
long as nobody asks more of a name than whether it is another one. What else could be asked is a part of
what twins must have in common: how long a name is, which other names it begins or ends with, which other
objects are older; and `are_exchangeable` looks at what was asked while a target was explored. Namespaces
are exchanged in the same way, with all that is in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.analysis.explore.renaming import NAME, Renaming
from harness.analysis.explore.strangers import STRANGERS
from harness.analysis.explore.texts import literal
from harness.analysis.twins.forms import Ages, Entry, Relations, digest, entries, marks
from harness.base.explored import Some
from harness.base.matching import TextMatch
from harness.base.vocabulary import PLATFORM
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.explore.target import Target
    from harness.base.explored import Test
    from harness.model import State

_LARGE = 100
"""Objects of a part, at most: a name that would join more of them is nobody's own."""

_COMMON = "default"
"""A namespace, and every namespace's service account: nobody's own name."""

_FEW = ("caller", "host", "sni")
"""Attributes that are one of what the estate has."""

_MANY = re.compile(r"\.(\{\d+,\}|\*)")


@dataclass(frozen=True, eq=False)
class _Part:
    """Objects with names of their own; `form` is what they say beside these names."""

    names: tuple[str, ...]
    form: str


_NOBODY = _Part((), "")


@dataclass(frozen=True, eq=False)
class _Place:
    """Namespaces that share their names with no other objects, and the parts in them by their forms."""

    names: tuple[str, ...]
    form: str
    parts: tuple[_Part, ...]

    @property
    def all_names(self) -> list[str]:
        """Its own names, and then those of its parts."""
        return [*self.names, *(name for part in self.parts for name in part.names)]


class Twins:
    """The parts of two configurations, and which of their targets are the same but for names."""

    def __init__(self, before: State, after: State) -> None:
        self._entries = [each for side, state in enumerate((before, after)) for each in entries(side, state)]
        self.are_same = self._say_the_same() and _run_the_same(before, after)
        """Whether both configurations are one: decisions look at nothing else, so all are the same, too."""
        self._having = grouped((name, at) for at, entry in enumerate(self._entries) for name in entry.names)
        spelled = grouped((name.lower(), name) for name in self._having)
        homes = grouped((each.name, each.namespace) for each in self._entries)
        namespaces = {
            workload.namespace for state in (before, after) for workload in state.running
        } - PLATFORM
        namespaces = {name for name in namespaces if name != _COMMON and not name.startswith(STRANGERS)}
        names = {name for name, its in homes.items() if len(set(its)) == 1} - namespaces - {_COMMON}
        alone = {name for name in {*names, *namespaces} if len(spelled.get(name.lower(), ())) == 1}
        parts, self._own = self._joined(names & alone, _LARGE)
        places, spaces = self._joined({*self._own, *(namespaces & alone)})
        shared = names & alone - self._own
        within = {name for name in shared if len({places[at] for at in self._having[name]}) == 1}
        self._spaces = spaces - self._own | within
        exchanged = self._own | self._spaces
        self._relations = Relations(self._entries, exchanged)
        self._at: dict[str, tuple[_Place, int | None]] = {}
        self._exchanges: dict[tuple[_Place, _Place], dict[str, str]] = {}
        general = [at for at, each in enumerate(self._entries) if not each.names & exchanged]
        self._general = Ages(self._entries[at] for at in general)
        members = grouped((root, at) for at, root in enumerate(places))
        for root in members.keys() - set(general):
            self._read(grouped((parts[at], self._entries[at]) for at in members[root]).values())

    def _say_the_same(self) -> bool:
        sides: tuple[list[object], list[object]] = [], []
        for entry in self._entries:
            sides[entry.side].append(entry.content)
        return sides[0] == sides[1]

    def _joined(self, names: Iterable[str], most: int | None = None) -> tuple[list[int], frozenset[str]]:
        """For each entry the first of those that it is joined with by names, and these names.

        Names that would join more than `most` are left out, those that many have first.
        """
        roots, sizes = list(range(len(self._entries))), [1] * len(self._entries)
        joining = []

        def root(at: int) -> int:
            while roots[at] != at:
                roots[at] = at = roots[roots[at]]
            return at

        for name in sorted(names, key=lambda name: (len(self._having[name]), name)):
            joined = sorted({root(at) for at in self._having[name]})
            size = sum(sizes[at] for at in joined)
            if most is None or size <= most:
                joining.append(name)
                sizes[joined[0]] = size
                for at in joined:
                    roots[at] = joined[0]
        return [root(at) for at in range(len(roots))], frozenset(joining)

    def _read(self, groups: Iterable[Sequence[Entry]]) -> None:
        """Reads the parts of one place: each is a group, and so is each object that is in no part."""
        named = [(_names(group, self._own), group) for group in groups]
        rest = [entry for names, group in named if not names for entry in group]
        spaces = _names((entry for _, group in named for entry in group), self._spaces)
        ages = self._general, Ages(rest)
        parts = [_Part(names, self._form(names, spaces, group, ages)) for names, group in named if names]
        parts.sort(key=lambda part: (part.form, part.names))
        form = digest([self._form((), spaces, rest, ages[:1]), *(part.form for part in parts)])
        place = _Place(spaces, form, tuple(parts))
        self._at.update((name, (place, None)) for name in spaces)
        self._at.update((name, (place, at)) for at, part in enumerate(parts) for name in part.names)

    def _form(
        self, names: Sequence[str], spaces: Sequence[str], entries: Iterable[Entry], ages: Sequence[Ages]
    ) -> str:
        """What objects say beside names, and what else could be asked of the names."""
        form = Renaming(marks(names, spaces))
        listed = sorted(entries, key=lambda entry: (entry.side, entry.kind, entry.age))
        texts = (
            f"{entry.side} {[each.older(entry) for each in ages]} {form.text(entry.text)}" for entry in listed
        )
        return digest([*texts, *self._relations.between([*names, *spaces])])

    def classes(self, targets: Iterable[Target]) -> list[list[int]]:
        """Returns the numbers of the targets in their order, those of twins together."""
        alike: dict[object, list[int]] = {}
        for number, target in enumerate(targets):
            key: object = number
            if (own := self._of(target)) is not None:
                place, at = own
                part = _NOBODY if at is None else place.parts[at]
                described = replace(target, service=None), str(target.service)
                key = part.form, place.form, Renaming(marks(part.names, place.names)).of(described)
            alike.setdefault(key, []).append(number)
        return list(alike.values())

    def _of(self, target: Target) -> tuple[_Place, int | None] | None:
        """Whose names a target's host has, if they are of one place: of which of its parts, if of one."""
        owners = {self._at[name] for name in NAME.findall(target.host) if name in self._at}
        parts = {at for _, at in owners if at is not None}
        if len({place for place, _ in owners}) != 1 or len(parts) > 1:
            return None
        return next(iter(owners))[0], next(iter(parts), None)

    def renaming(self, target: Target, twin: Target) -> Renaming:
        """Returns the exchange of names that changes neither configuration, and makes a target its twin."""
        mine, theirs = self._of(target), self._of(twin)
        assert mine is not None
        assert theirs is not None
        (place, at), (elsewhere, there) = mine, theirs
        everything = self._exchanged(place, elsewhere)
        if at is None or there is None:
            return Renaming({}, everything)
        # What would go where the twin is goes where the target would go.
        pairs = (place.parts[at], elsewhere.parts[there]), (place.parts[there], elsewhere.parts[at])
        names = [pair for old, new in pairs for pair in zip(old.names, new.names, strict=True)]
        return Renaming(dict(names), everything)

    def _exchanged(self, place: _Place, elsewhere: _Place) -> dict[str, str]:
        """The exchange of all names of two places."""
        key = place, elsewhere
        if key not in self._exchanges:
            mine, theirs = (each.all_names if place is not elsewhere else [] for each in key)
            pairs = list(zip(mine, theirs, strict=True))
            self._exchanges[key] = {name: other for pair in pairs for name, other in (pair, pair[::-1])}
        return self._exchanges[key]

    def are_exchangeable(self, asked: Mapping[str, Iterable[Test[object]]]) -> bool:
        """Returns whether what was asked of a request's attributes is answered alike where names change.

        An expression may look into a name. And where a client is one of the estate's, or a host one of a
        few, the beginning of a name may be another part's, too.
        """
        for attribute, tests in asked.items():
            asked_for = (test.test if isinstance(test, Some) else test for test in tests)
            texts = [test for test in map(literal, asked_for) if isinstance(test, TextMatch)]
            few = attribute.startswith(_FEW)
            named = [test for test in texts if self._has_names(test.value)]
            if (few or named) and any(test.kind == "regex" and _looks_into(test.value) for test in texts):
                return False
            if few and any(map(_is_open, named)):
                return False
        return True

    def _has_names(self, text: str) -> bool:
        return any(name in self._own or name in self._spaces for name in NAME.findall(text))


def _run_the_same(before: State, after: State) -> bool:
    """Whether pods are the same in all that they have, and the meshes that are installed."""
    installed = [(state.meshes, state.served, state.assumed) for state in (before, after)]
    in_order = list(before.running.items()) == list(after.running.items())
    return in_order and installed[0] == installed[1]


def _looks_into(expression: str) -> bool:
    """Whether an expression may tell parts of a name apart: not how long it is, nor other characters."""
    return NAME.search(_MANY.sub("", expression)) is not None


def _is_open(test: TextMatch) -> bool:
    """Whether more of a name may stand where a test ends."""
    ends = {"prefix": test.value[-1:], "suffix": test.value[:1]}
    return NAME.match(ends.get(test.kind, "")) is not None


def _names(entries: Iterable[Entry], among: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({name for entry in entries for name in entry.names & among}))

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

import json
import re
from bisect import bisect_left
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness.analysis.explore.callers import STRANGERS
from harness.analysis.explore.renaming import NAME, Renaming
from harness.analysis.explore.texts import literal
from harness.base.explored import Some
from harness.base.matching import TextMatch
from harness.base.vocabulary import PLATFORM
from harness.model.state import Pod
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.analysis.explore.targets import Target
    from harness.base.explored import Test
    from harness.model import State

_LARGE = 100
"""Objects of a part, at most: a name that would join more of them is nobody's own."""

_COMMON = "default"
"""A namespace, and every namespace's service account: nobody's own name."""

_FEW = ("caller", "host", "sni")
"""Attributes that are one of what the estate has."""

_MANY = re.compile(r"\.(\{\d+,\}|\*)")
_ENCODER = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":"))
_NUMBER = re.compile(r"(?<=[:,[])\d+(?=[],}])")
"""A number in JSON: what isn't in quotes is no name."""

_ENDING = re.compile(rf'(?:\*|"suffix":")({NAME.pattern})')
"""What other names may end with."""

_OF_PODS = [each.name for each in fields(Pod) if each.name not in ("name", "containers")]


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
        self._entries = [each for side, state in enumerate((before, after)) for each in _entries(side, state)]
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
        self._relations = _Relations(self._entries, exchanged)
        self._at: dict[str, tuple[_Place, int | None]] = {}
        self._exchanges: dict[tuple[_Place, _Place], dict[str, str]] = {}
        general = [at for at, each in enumerate(self._entries) if not each.names & exchanged]
        self._general = _Ages(self._entries[at] for at in general)
        members = grouped((root, at) for at, root in enumerate(places))
        for root in members.keys() - set(general):
            self._read(grouped((parts[at], self._entries[at]) for at in members[root]).values())

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

    def _read(self, groups: Iterable[Sequence[_Entry]]) -> None:
        """Reads the parts of one place: each is a group, and so is each object that is in no part."""
        named = [(_names(group, self._own), group) for group in groups]
        rest = [entry for names, group in named if not names for entry in group]
        spaces = _names((entry for _, group in named for entry in group), self._spaces)
        ages = self._general, _Ages(rest)
        parts = [_Part(names, self._form(names, spaces, group, ages)) for names, group in named if names]
        parts.sort(key=lambda part: (part.form, part.names))
        form = _digest([self._form((), spaces, rest, ages[:1]), *(part.form for part in parts)])
        place = _Place(spaces, form, tuple(parts))
        self._at.update((name, (place, None)) for name in spaces)
        self._at.update((name, (place, at)) for at, part in enumerate(parts) for name in part.names)

    def _form(
        self, names: Sequence[str], spaces: Sequence[str], entries: Iterable[_Entry], ages: Sequence[_Ages]
    ) -> str:
        """What objects say beside names, and what else could be asked of the names."""
        marks = Renaming(_marks(names, spaces))
        listed = sorted(entries, key=lambda entry: (entry.side, entry.kind, entry.age))
        texts = (
            f"{entry.side} {[each.older(entry) for each in ages]} {marks.text(entry.text)}"
            for entry in listed
        )
        return _digest([*texts, *self._relations.between([*names, *spaces])])

    def classes(self, targets: Iterable[Target]) -> list[list[int]]:
        """Returns the numbers of the targets in their order, those of twins together."""
        alike: dict[object, list[int]] = {}
        for number, target in enumerate(targets):
            key: object = number
            if (own := self._of(target)) is not None:
                place, at = own
                part = _NOBODY if at is None else place.parts[at]
                described = replace(target, service=None), str(target.service)
                key = part.form, place.form, Renaming(_marks(part.names, place.names)).of(described)
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


def _looks_into(expression: str) -> bool:
    """Whether an expression may tell parts of a name apart: not how long it is, nor other characters."""
    return NAME.search(_MANY.sub("", expression)) is not None


def _is_open(test: TextMatch) -> bool:
    """Whether more of a name may stand where a test ends."""
    ends = {"prefix": test.value[-1:], "suffix": test.value[:1]}
    return NAME.match(ends.get(test.kind, "")) is not None


@dataclass(frozen=True, eq=False)
class _Entry:
    """An object of one side, or what runs of a workload, as a text."""

    side: int
    kind: str
    namespace: str
    name: str
    age: tuple[object, ...]
    text: str

    @cached_property
    def names(self) -> frozenset[str]:
        """All names in its text."""
        return frozenset(NAME.findall(_NUMBER.sub("", self.text)))


def _entries(side: int, state: State) -> Iterator[_Entry]:
    for stored in state.objects.values():
        live, indexed = stored.live, stored.indexed
        written = live.data if indexed in (None, live) else (live.data, indexed)
        kind, where = f"{live.group}/{live.kind}", (live.api_version, live.namespace, live.name)
        yield _Entry(side, kind, live.namespace, live.name, stored.age, _ENCODER.encode((where, written)))
    for workload, pods in state.running.items():
        running = [[str(getattr(pod, name)) for name in _OF_PODS] for pod in pods]
        age = True, "", 0, workload.namespace, workload.name
        text = _ENCODER.encode((str(workload), running))
        yield _Entry(side, "pods", workload.namespace, workload.name, age, text)


def _names(entries: Iterable[_Entry], among: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({name for entry in entries for name in entry.names & among}))


def _marks(names: Sequence[str], spaces: Sequence[str]) -> dict[str, str]:
    """What stands for names in a form: a number, since others may be in their place."""
    own = {name: f"\1{number}" for number, name in enumerate(names)}
    return own | {name: f"\2{number}" for number, name in enumerate(spaces)}


def _digest(texts: Iterable[str]) -> str:
    return blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


class _Ages:
    """Objects by their kinds, so that it is known how many of its kind are older than another."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._sorted = grouped(((entry.side, entry.kind), entry.age) for entry in entries)
        for ages in self._sorted.values():
            ages.sort()

    def older(self, entry: _Entry) -> int:
        """Returns how many are older than an object."""
        return bisect_left(self._sorted.get((entry.side, entry.kind), []), entry.age)


class _Relations:
    """What can be asked of names beside which they are, in the light of names that aren't exchanged."""

    def __init__(self, entries: Sequence[_Entry], exchanged: frozenset[str]) -> None:
        general = {name for entry in entries for name in entry.names} - exchanged
        self._general = general
        self._endings = {name for entry in entries for name in _ENDING.findall(entry.text)} - exchanged
        self._starts = {name[:length] for name in general for length in range(1, len(name))}
        self._ends = {name[length:] for name in general for length in range(1, len(name))}

    def between(self, names: Sequence[str]) -> Iterator[str]:
        """Yields of each name its length, what it begins and ends with, and whether others do with it."""
        for name in names:
            starts = [name[:at] for at in range(1, len(name)) if name[:at] in self._general]
            ends = [name[at:] for at in range(1, len(name)) if name[at:] in self._endings]
            longer = name in self._starts, name in self._ends
            own = [(name.startswith(other), name.endswith(other)) for other in names]
            yield f"{len(name)} {starts} {ends} {longer} {own}"

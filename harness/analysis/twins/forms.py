"""What objects say beside names, as texts: the same for those that are the same but for names."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness.analysis.explore.renaming import NAME
from harness.model.state import Pod
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.model import State

_ENCODER = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":"))

_NUMBER = re.compile(r"(?<=[:,[])\d+(?=[],}])")
"""A number in JSON: what isn't in quotes is no name."""

_ENDING = re.compile(rf'(?:\*|"suffix":")({NAME.pattern})')
"""What other names may end with."""

_OF_PODS = [each.name for each in fields(Pod) if each.name not in ("name", "containers")]


@dataclass(frozen=True, eq=False)
class Entry:
    """An object of one side, or what runs of a workload, as a text."""

    side: int
    kind: str
    namespace: str
    name: str
    age: tuple[object, ...]
    text: str

    @property
    def content(self) -> tuple[object, ...]:
        """All that it says, whichever side has it."""
        return self.kind, self.namespace, self.name, self.age, self.text

    @cached_property
    def names(self) -> frozenset[str]:
        """All names in its text."""
        return frozenset(NAME.findall(_NUMBER.sub("", self.text)))


def entries(side: int, state: State) -> Iterator[Entry]:
    """Yields the objects of a state, and what runs of its workloads."""
    for stored in state.objects.values():
        live, indexed = stored.live, stored.indexed
        written = live.data if indexed in (None, live) else (live.data, indexed)
        kind, where = f"{live.group}/{live.kind}", (live.api_version, live.namespace, live.name)
        yield Entry(side, kind, live.namespace, live.name, stored.age, _ENCODER.encode((where, written)))
    for workload, pods in state.running.items():
        running = [[str(getattr(pod, name)) for name in _OF_PODS] for pod in pods]
        age = True, "", 0, workload.namespace, workload.name
        text = _ENCODER.encode((str(workload), running))
        yield Entry(side, "pods", workload.namespace, workload.name, age, text)


def marks(names: Sequence[str], spaces: Sequence[str]) -> dict[str, str]:
    """Returns what stands for names in a form: a number, since others may be in their place."""
    own = {name: f"\1{number}" for number, name in enumerate(names)}
    return own | {name: f"\2{number}" for number, name in enumerate(spaces)}


def digest(texts: Iterable[str]) -> str:
    """Returns what is the same for the same texts alone."""
    return blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


class Ages:
    """Objects by their kinds, so that it is known how many of its kind are older than another."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._sorted = grouped(((entry.side, entry.kind), entry.age) for entry in entries)
        for ages in self._sorted.values():
            ages.sort()

    def older(self, entry: Entry) -> int:
        """Returns how many are older than an object."""
        return bisect_left(self._sorted.get((entry.side, entry.kind), []), entry.age)


class Relations:
    """What can be asked of names beside which they are, in the light of names that aren't exchanged."""

    def __init__(self, entries: Sequence[Entry], exchanged: frozenset[str]) -> None:
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

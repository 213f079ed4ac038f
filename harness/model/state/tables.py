"""Tables that are made once and then asked for every request, so that a request costs what it touches.

States and objects don't change, so neither does what a pure function makes of one: `per_state` and
`per_object` keep it. What can't be looked up by an exact key has a table here: host patterns
(`HostTable`) and label selectors (`SelectorTable`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from harness.base.matching import Asking

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from harness.model.state.state import Pod, State

Value = TypeVar("Value")
Item = TypeVar("Item")
Name = TypeVar("Name")
Rest = ParamSpec("Rest")
Label = tuple[str, str]
Labels = Mapping[str, str]


def per_state(make: Callable[[State], Value]) -> Callable[[State], Value]:
    """Keeps what a pure function of a state returns for as long as that state lives."""

    @wraps(make)
    def looked_up(state: State) -> Value:
        if make not in state.lookups:
            state.lookups[make] = make(state)
        kept: Value = state.lookups[make]
        return kept

    return looked_up


def per_key(
    key: Callable[Rest, Hashable],
) -> Callable[[Callable[Concatenate[State, Rest], Value]], Callable[Concatenate[State, Rest], Value]]:
    """Keeps what a pure function of a state and more returns, by a key of what is more than the state."""

    def keeping(make: Callable[Concatenate[State, Rest], Value]) -> Callable[Concatenate[State, Rest], Value]:
        @wraps(make)
        def looked_up(state: State, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Value:
            place = (make, key(*args, **kwargs))
            if place not in state.lookups:
                state.lookups[place] = make(state, *args, **kwargs)
            kept: Value = state.lookups[place]
            return kept

        return looked_up

    return keeping


def per_pod(
    make: Callable[Concatenate[State, Pod, Rest], Value],
) -> Callable[Concatenate[State, Pod, Rest], Value]:
    """Keeps what a pure function of a state and one of its pods returns as long as that state lives."""

    @wraps(make)
    def looked_up(state: State, pod: Pod, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Value:
        key = (make, id(pod), args, *kwargs.items())
        if key not in state.lookups:  # with the pod, so that no other takes its place in memory
            state.lookups[key] = (pod, make(state, pod, *args, **kwargs))
        kept: Value = state.lookups[key][1]
        return kept

    return looked_up


def grouped(entries: Iterable[tuple[Name, Item]]) -> dict[Name, list[Item]]:
    """Returns the items by what they stand beside, in their order."""
    groups: dict[Name, list[Item]] = {}
    for name, item in entries:
        groups.setdefault(name, []).append(item)
    return groups


class HostTable(Generic[Item]):
    """Items by the hosts that they are for: names, and wildcards (`*`, `*.example.com`)."""

    def __init__(self, entries: Iterable[tuple[str, Item]]) -> None:
        listed = tuple(entries)
        self._items = [item for _, item in listed]
        self._by_pattern = grouped((pattern, index) for index, (pattern, _) in enumerate(listed))
        self._names = frozenset(pattern for pattern in self._by_pattern if not pattern.startswith("*"))
        self._wildcards = sorted({len(p) - 1 for p in self._by_pattern if p.startswith("*")})

    @property
    def patterns(self) -> Iterable[str]:
        """All names and wildcards."""
        return self._by_pattern

    def covering(self, *hosts: str) -> list[Item]:
        """Returns the items with a pattern that covers one of the hosts, each once, in their order."""
        indexes: set[int] = set()
        for host in sorted(hosts, key=lambda host: isinstance(host, Asking)):
            if isinstance(host, Asking):  # what other hosts led to already isn't asked
                own = (pattern for pattern in hosts if not isinstance(pattern, Asking))
                name = host.which(self._names, frozenset(own))
                indexes.update(self._by_pattern[name] if name is not None else ())
            else:
                indexes.update(self._by_pattern.get(host, ()))
            for pattern, items in self._by_wildcard(host):
                if not items <= indexes and host.endswith(pattern[1:]):
                    indexes |= items
        return list({id(item): item for item in (self._items[index] for index in sorted(indexes))}.values())

    def _by_wildcard(self, host: str) -> Iterator[tuple[str, set[int]]]:
        """The wildcards that may cover a host, and what they are of."""
        if isinstance(host, Asking):
            patterns: Iterable[str] = (pattern for pattern in self._by_pattern if pattern.startswith("*"))
        else:
            lengths = (length for length in self._wildcards if length <= len(host))
            patterns = (f"*{host[len(host) - length :]}" for length in lengths)
        yield from ((each, set(self._by_pattern[each])) for each in patterns if each in self._by_pattern)


class SelectorTable(Generic[Item]):
    """Items by their namespace and the labels that they want of pods there; who wants none is for all."""

    def __init__(self, entries: Iterable[tuple[str, Labels, Item]]) -> None:
        listed = tuple(enumerate(entries))
        often = Counter((where, label) for _, (where, wanted, _) in listed for label in wanted.items())
        self._by_label: dict[tuple[str, Label | None], list[tuple[int, Labels, Item]]] = {}
        self._namespaces = {namespace for _, (namespace, _, _) in listed}
        for index, (namespace, wanted, item) in listed:
            rarest = min(wanted.items(), key=lambda label: often[namespace, label], default=None)
            self._by_label.setdefault((namespace, rarest), []).append((index, wanted, item))

    def selecting(self, namespace: str, labels: Labels) -> list[Item]:
        """Returns a namespace's items whose wanted labels are all among these, in their order."""
        if namespace not in self._namespaces:
            return []
        entries = [
            entry
            for label in (None, *labels.items())
            for entry in self._by_label.get((namespace, label), ())
            if entry[1].items() <= labels.items()
        ]
        return [item for _, _, item in sorted(entries, key=lambda entry: entry[0])]


class LabelTable(Generic[Item]):
    """Items by their namespace and the labels that they have."""

    def __init__(self, entries: Iterable[tuple[str, Labels, Item]]) -> None:
        self._by_label: dict[tuple[str, Label | None], list[tuple[Labels, Item]]] = grouped(
            ((namespace, label), (labels, item))
            for namespace, labels, item in entries
            for label in (None, *labels.items())
        )

    def selected(self, namespace: str, wanted: Labels) -> list[Item]:
        """Returns a namespace's items that have all wanted labels, in their order."""
        having = (self._by_label.get((namespace, label), []) for label in (None, *wanted.items()))
        return [item for labels, item in min(having, key=len) if wanted.items() <= labels.items()]

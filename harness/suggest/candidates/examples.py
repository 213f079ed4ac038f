"""Examples of requests: one for each class that conditions can tell apart.

Two texts that fulfil the same conditions are decided alike, so one of them stands for both. Candidates are
made of the conditions' own values: what fulfils each of them, and what just doesn't. Of a regular expression
a few texts that it takes are made; where two overlap in a way that these don't show, the class is missed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.taken_texts import taken
from harness.base.errors import NotModelledError
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.base.matching import TextMatch
    from harness.suggest.candidates.conditions import Conditions, Named

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
"""Methods that are tried first where one is wanted that no condition names."""

Pairs = tuple[tuple[str, str], ...]
Values = dict[str, list[str | None]]
"""Each name with a value for every class; None: it is absent."""


@dataclass(frozen=True)
class Example:
    """The parts of a request that conditions may speak of; `host` empty: the name that is dialled."""

    path: str = "/"
    method: str = "GET"
    host: str = ""
    headers: Pairs = ()
    query: Pairs = ()

    @property
    def sent(self) -> Pairs:
        """The headers, with Host where it isn't the name that is dialled."""
        return (("host", self.host), *self.headers) if self.host else self.headers

    @property
    def target(self) -> str:
        """The path with its query."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.path}?{query}" if query else self.path


def examples(
    conditions: Conditions, *, grpc: bool, limit: int, is_known: Callable[[str], bool] = bool
) -> tuple[list[Example], int]:
    """Returns an example of each class, and how many were left out because of the limit.

    Within it all combinations are there. Beyond it headers and query parameters vary one at a time. Of Host
    headers those are tried that `is_known` takes, and none.
    """
    paths = list(_paths(conditions, grpc=grpc))
    methods = ["POST"] if grpc else list(_methods(conditions))
    hosts = [""]  # the name that is dialled says it all, unless something asks for more
    if conditions.hosts:
        candidates = [*_candidates(conditions.hosts), "other.example"]
        hosts += [host for host in _texts(conditions.hosts, filter(is_known, candidates)) if host]
    headers, query = _named(conditions.headers), _named(conditions.query)
    every = len(paths) * len(methods) * len(hosts)
    every *= math.prod(len(values) for values in (*headers.values(), *query.values()))
    if every <= limit:
        combined: Iterable[tuple[Pairs, Pairs]] = itertools.product(_all(headers), _all(query))
    else:
        alone: list[tuple[Pairs, Pairs]] = [((), ()), *((pair, ()) for pair in _single(headers))]
        alone += (((), pair) for pair in _single(query))
        combined = list(dict.fromkeys(alone))
    combinations = [
        Example(path, method, host, *pairs)
        for pairs, path, method, host in itertools.product(combined, paths, methods, hosts)
    ]
    return combinations[:limit], every - min(len(combinations), limit)


def server_names(wanted: frozenset[TextMatch], own: Iterable[str], *, others: bool) -> list[str]:
    """Returns a name for each class that conditions on what TLS asks for can tell apart.

    Names of one's `own` come first, then, if `others` can be asked for, those that the conditions name.
    """
    candidates = [*own, *(_candidates(wanted) if others else ())]
    return list(_texts(wanted, candidates))


def _paths(conditions: Conditions, *, grpc: bool) -> Iterable[str]:
    wanted = sorted(conditions.paths, key=str)
    candidates = ["/harness.Probe/Call"] if grpc else ["/", "/harness-probe"]
    for term in wanted:
        candidates += _around(term)
        for prefix, target in sorted(conditions.rewrites):
            if term.kind != "regex" and term.value.startswith(target):
                candidates.append(f"{prefix}{term.value[len(target) :]}")
    for prefix, _ in sorted(conditions.rewrites):
        candidates += [prefix, f"{prefix.rstrip('/')}/x"]
    if grpc:
        candidates = [path for path in candidates if path.count("/") == 2 and not path.endswith("/")]

    def holds(path: str) -> tuple[object, ...]:
        seen = [path, *(to + path[len(of) :] for of, to in conditions.rewrites if path.startswith(of))]
        return (*(tuple(_holds(term, text) for term in wanted) for text in seen), _ranks(wanted, path))

    fit = (path for path in candidates if path.startswith("/") and path.isprintable() and " " not in path)
    return _distinct((path.partition("?")[0].partition("#")[0] for path in fit), holds)


def untried(conditions: Conditions) -> Iterator[str]:
    """Yields the regular expressions of which no text was found that they take, so that none is tried."""
    wanted = [*conditions.paths, *conditions.methods, *conditions.hosts]
    wanted += [term for _, term in (*conditions.headers, *conditions.query)]
    for term in sorted(wanted, key=str):
        if term.kind == "regex" and not taken(term.value):
            yield term.value


def _holds(term: TextMatch, text: str) -> bool | None:
    """Whether a text fulfils a condition; None where that isn't decided."""
    try:
        return term.holds(text)
    except NotModelledError:
        return None


def _ranks(wanted: list[TextMatch], path: str) -> tuple[bool, ...]:
    """Which PathPrefixes of a path are shorter: Linkerd ranks a regular expression by the whole path."""
    if not any(term.kind == "regex" and _holds(term, path) for term in wanted):
        return ()
    prefixes = (term for term in wanted if term.kind == "segments" and term.holds(path))
    return tuple(len(prefix.value) < len(path) for prefix in prefixes)


def _around(term: TextMatch) -> list[str]:
    """Paths that fulfil a condition, and some that just don't."""
    value, stem = term.value, term.value.rstrip("/")
    match term.kind:
        case "exact" | "prefix" | "segments":
            near = [value, stem or "/", f"{stem}/", f"{stem}/x", f"{value}x", f"{stem.rpartition('/')[0]}/"]
            return [*near, value.upper()] if term.ignore_case else near
        case "suffix":
            return [f"/x{value}", f"/x/{value.lstrip('/')}", f"{value}x"]
        case "regex":
            inside = [text if text.startswith("/") else f"/{text}" for text in taken(value)]
            return [*inside, *(f"{text}x" for text in inside), *(f"{text}/x" for text in inside)]
        case _:
            return []


def _methods(conditions: Conditions) -> Iterable[str]:
    named = [term.value for term in sorted(conditions.methods, key=str) if term.kind == "exact"]
    return _texts(conditions.methods, [*METHODS, *named])


def _candidates(wanted: Iterable[TextMatch]) -> Iterator[str]:
    """Texts that fulfil conditions that aren't about paths, and some that don't."""
    for term in sorted(wanted, key=str):
        match term.kind:
            case "exact" | "prefix":
                yield from (term.value, f"{term.value}x")
            case "suffix":
                yield f"x{term.value}"
            case "regex":
                yield from taken(term.value)
            case _:
                yield "any"


def _texts(wanted: Iterable[TextMatch], candidates: Iterable[str]) -> Iterable[str]:
    ordered = sorted(wanted, key=str)
    return _distinct(candidates, lambda text: tuple(_holds(term, text) for term in ordered))


def _named(wanted: Iterable[Named]) -> Values:
    by_name = grouped(sorted(wanted, key=str)).items()
    return {name: [None, *_texts(terms, [*_candidates(terms), "other"])] for name, terms in by_name}


def _all(named: Values) -> list[Pairs]:
    return [
        tuple((name, value) for name, value in zip(named, values, strict=True) if value is not None)
        for values in itertools.product(*named.values())
    ]


def _single(named: Values) -> list[Pairs]:
    return [((name, value),) for name, values in named.items() for value in values if value is not None]


def _distinct(candidates: Iterable[str], classify: Callable[[str], object]) -> Iterable[str]:
    """The first candidate of each class."""
    first: dict[object, str] = {}
    for text in candidates:
        first.setdefault(classify(text), text)
    return first.values()

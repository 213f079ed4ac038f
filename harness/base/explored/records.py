"""What a request that is explored holds by name: parameters, claims, labels and annotations of its client."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.base.explored.attribute import Attribute, unasked
from harness.base.explored.changes import DECODED, Change
from harness.base.explored.journal import AND, BARE, END, OBJECT, START, Among, Journal, Property, apart
from harness.base.explored.member import Member
from harness.base.matching import Asking, TextMatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Value = TypeVar("Value")


_WITHOUT_ESCAPES = TextMatch("regex", "[^%+]*")


class OpenQuery(Asking):
    """The query of an explored request: its parameters are attributes that may be asked for."""

    journal: Journal
    gone: tuple[str, ...]

    def __new__(cls, journal: Journal, gone: tuple[str, ...] = ()) -> OpenQuery:
        query = super().__new__(cls, "?")  # not empty: it is shown by its mark
        query.journal, query.gone = journal, gone
        return query

    def values(self, name: str) -> list[str]:
        return list(self._values(name))

    def _values(self, name: str) -> Iterator[Attribute]:
        value = None if name in self.gone else self.journal.optional(f"parameter {name}")
        if value is not None:
            yield value

    def decoded(self, name: str) -> list[str]:
        return [self._decoded(value) for value in self._values(name)]

    def _decoded(self, value: Attribute) -> str:
        if self.journal.several(value.attribute):
            return Member(value.attribute, self.journal, changes=(DECODED,))
        return value if value.asks(_WITHOUT_ESCAPES) else value.after(DECODED)

    def without(self, name: str) -> OpenQuery:
        return OpenQuery(self.journal, tuple(sorted({*self.gone, name})))

    def __str__(self) -> str:
        return START + ";".join(("query", *self.gone)) + END

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return True


class OpenClaims(dict[str, Any]):
    """The claims of the token of an explored request: they may be asked for. Its times are good.

    Each may be a text, a list of texts, a number, true or false, or hold claims itself. `path` leads to
    these claims, `spaced` are those that spaces make a list of.
    """

    def __init__(self, journal: Journal, path: tuple[str, ...] = (), spaced: Iterable[str] = ()) -> None:
        super().__init__()
        self.journal, self.path, self.spaced = journal, path, frozenset(spaced)

    def get(self, name: str, default: Any = None, /) -> Any:
        path = (*self.path, name)
        attribute = claim_attribute(path)
        value = self.journal.optional(attribute)
        if value is None or path in _SINGLE:
            return default if value is None else value
        if path not in _TEXTS:
            if path not in _TIMES and self._holds_others(path):
                return OpenClaims(self.journal, path)
            if value.startswith(BARE):
                return OpenNumber(value[len(BARE) :])
        return OpenItems(value) if self.journal.several(attribute) else value

    def texts(self, path: Iterable[str]) -> tuple[str, ...]:
        """Returns what stands for the texts at a path."""
        *outer, _ = path = tuple(path)
        if path in _SINGLE:
            value = self.journal.optional(claim_attribute(path))
            return () if value is None else (value,)
        if not all(self._holds_others(path[: count + 1]) for count in range(len(outer))):
            return ()
        return (Member(claim_attribute(path), self.journal, spaced=not outer and path[0] in self.spaced),)

    def _holds_others(self, path: tuple[str, ...]) -> bool:
        test = Among(frozenset([OBJECT]))
        attribute = claim_attribute(path)
        answer = test.holds(self.journal.values.get(attribute))
        self.journal.record(attribute, test, answer)
        return answer

    @property
    def encoded(self) -> str:
        """What these claims are in a header."""
        return self.journal.text(claim_attribute(self.path)).after(ENCODED)


class OpenItems(list[str]):
    """The items of a claim that is a list, of which no more is known than what a header says of them."""

    def __init__(self, value: Attribute) -> None:
        super().__init__()
        self.encoded = value.after(ENCODED)


@dataclass(frozen=True)
class OpenNumber:
    """A claim that is a number, true or false: `encoded` is what it is in a header."""

    encoded: str


_TIMES = (("exp",), ("nbf",), ("iat",))
"""Claims that are numbers."""

_SINGLE = (("iss",), ("sub",))
"""Claims that are one text: no token is good in which they are something else."""

_TEXTS = (*_SINGLE, ("aud",), ("jti",))
"""Claims that are texts, one or several."""


def encoded(texts: Sequence[str]) -> str:
    """Returns what a header says of a claim that is a list [envoy: jwt_authn, addJWTClaimToHeader]."""
    return b64encode(json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode()).decode()


def _decoded(text: str) -> Iterator[str]:
    """Yields the list that a header says, if it says one as a proxy does."""
    try:
        texts = json.loads(b64decode(text, validate=True))
    except ValueError:
        return
    if isinstance(texts, list) and all(isinstance(each, str) for each in texts) and encoded(texts) == text:
        yield AND.join(texts)


ENCODED = Change("encoded", lambda text: encoded(apart(text)), _decoded, form="W[A-Za-z0-9+/]*={0,2}")


def claim_attribute(path: tuple[str, ...]) -> str:
    """Returns what the claim at a path is called among a request's attributes."""
    return f"claim {']['.join(path)}"


class Entries(dict[str, str]):
    """The labels or annotations of an explored request's client."""

    changes: tuple[Change, ...] = ()

    def __init__(self, attribute: str, journal: Journal) -> None:
        super().__init__()
        self.attribute, self.journal = attribute, journal

    @property
    def plain(self) -> Mapping[str, str]:
        """The entries themselves."""
        entries: Mapping[str, str] = self.journal.values[self.attribute]
        return entries

    def get(self, key: str, default: Any = None, /) -> Any:
        return of(_entry, key, self) or default


def _entry(key: str, entries: Mapping[str, str]) -> str | None:
    return entries.get(key)


for _name in ("items", "keys", "values", "__getitem__", "__iter__", "__len__", "__contains__"):
    setattr(Entries, _name, unasked(_name))


class _Workload(Protocol):
    @property
    def namespace(self) -> str: ...


class _Pod(Protocol):
    @property
    def workload(self) -> _Workload: ...


ADDRESS = "address"
"""The attribute that is the address from which a gateway sees a request from outside come."""

CALLER = "caller"
"""The attribute that is the client's pod as a whole."""


def is_explored(pod: _Pod) -> bool:
    """Returns whether a pod is an explored request's client."""
    return isinstance(pod.workload.namespace, Attribute)


def of_pod(
    function: Callable[..., Value], pod: _Pod, before: tuple[Any, ...] = (), behind: tuple[Any, ...] = ()
) -> Value:
    """Returns what a pure function makes of a client's pod, between other arguments."""
    namespace = pod.workload.namespace
    if not isinstance(namespace, Attribute):
        return function(*before, pod, *behind)
    journal = namespace.journal
    answer = function(*before, journal.values[CALLER], *behind)
    journal.record(CALLER, Property(function, before, behind), answer)
    return answer


def of(function: Callable[..., Value], *arguments: Any) -> Value:
    """Returns what a pure function makes of arguments, of which attributes have few values."""
    attributes = [index for index, each in enumerate(arguments) if isinstance(each, Attribute | Entries)]
    if not attributes:
        return function(*arguments)
    plain = list(arguments)
    for index in attributes:
        plain[index] = arguments[index].plain
    answer = function(*plain)

    for index in attributes:
        attribute = arguments[index]
        test = Property(function, tuple(plain[:index]), tuple(plain[index + 1 :]))
        attribute.journal.record(attribute.attribute, test, answer, attribute.changes)
    return answer

"""What a request that is explored holds by name: parameters, claims, labels and annotations of its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.base.explored.attribute import Attribute, unasked
from harness.base.explored.journal import END, START, Change, Journal, Property
from harness.base.matching import Asking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value = TypeVar("Value")


class OpenQuery(Asking):
    """The query of an explored request: its parameters are attributes that may be asked for."""

    journal: Journal
    gone: tuple[str, ...]

    def __new__(cls, journal: Journal, gone: tuple[str, ...] = ()) -> OpenQuery:
        query = super().__new__(cls, "?")  # not empty: it is shown by its mark
        query.journal, query.gone = journal, gone
        return query

    def values(self, name: str) -> list[str]:
        value = None if name in self.gone else self.journal.optional(f"parameter {name}")
        return [] if value is None else [value]

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
    """The claims of the token of an explored request: they may be asked for. Its times are good."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    def get(self, name: str, default: Any = None, /) -> Any:
        if name in ("exp", "nbf", "iat"):
            return default
        value = self.journal.optional(f"claim {name}")
        return default if value is None else value

    def texts(self, path: Iterable[str]) -> tuple[str, ...]:
        """Returns the text at a path, if there is one."""
        value = self.journal.optional(f"claim {'.'.join(path)}")
        return () if value is None else (value,)


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

"""Attributes of a request that is explored: whoever looks at one asks it, and each answer is recorded.

A rule that decides on a request asks whether its path begins with `/admin`, or whether a namespace is `shop`. An
`Attribute` is a text (and `Number` a number) that answers such questions and gives nothing else away: what
would look at it otherwise raises `Unasked`. The `Journal` of a run has the questions in their order, so that another
request can be made that one of them tells apart. Where texts are only shown or copied (`str`, f-strings) an
attribute stands for itself by a mark, which is the same whatever its value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, NoReturn, Protocol, SupportsIndex, TypeVar

from harness.base.expressions import quoted
from harness.base.matching import Asking, TextMatch

Value = TypeVar("Value")

START, END = "\ue000", "\ue001"
"""What stands around the name of an attribute where it is shown. Neither is in any configuration."""


SECONDS = "seconds"
"""The attribute that says after how many seconds the application answers."""


class Unasked(AssertionError):  # noqa: N818
    """A rule looks at an explored request otherwise than by asking it: what it finds isn't recorded."""


Answer = TypeVar("Answer", covariant=True)


class Test(Protocol[Answer]):
    """What is asked of an attribute."""

    def holds(self, value: Any, /) -> Answer:
        """Returns the answer for a value of the attribute."""


@dataclass(frozen=True, eq=False)
class Property:
    """What a function makes of an attribute that has few values: no text can be made of it alone."""

    function: Callable[..., object]
    before: tuple[Any, ...] = ()
    behind: tuple[Any, ...] = ()

    def holds(self, value: Any, /) -> object:
        """Returns what the function makes of a value."""
        return self.function(*self.before, value, *self.behind)

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return self.function, *map(_place, self.before), None, *map(_place, self.behind)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Property) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _place(argument: object) -> object:
    """A text or number itself, of anything else the place where it is: values stay where they are."""
    return argument if isinstance(argument, str | int | None) else id(argument)


@dataclass(frozen=True)
class Stays:
    """Whether a text stays what it is by a function of this name; `examples` are texts that don't."""

    name: str
    function: Callable[[str], str | None] = field(compare=False)
    examples: tuple[str, ...] = ()

    def holds(self, value: Any, /) -> bool:
        """Returns whether it stays."""
        return bool(self.function(value) == value)


@dataclass(frozen=True)
class Which:
    """Which of some texts an attribute is, apart from others."""

    names: frozenset[str]
    apart: frozenset[str] = frozenset()

    def holds(self, value: Any, /) -> str | None:
        """Returns the text, None if it is none of them."""
        return value if value in self.names and value not in self.apart else None


@dataclass(frozen=True)
class Change:
    """A way in which a text is another's: `name` says which, `apply` makes it, `undo` what it may have been."""

    name: str
    apply: Callable[[str], str] = field(compare=False)
    undo: Callable[[str], Iterable[str]] = field(compare=False)


def dropped(start: str) -> Change:
    """Returns the change that takes a text's beginning away."""
    return Change(f"-{start}", lambda text: text[len(start) :], lambda text: (start + text,))


def prefixed(start: str) -> Change:
    """Returns the change that puts something before a text."""
    return Change(
        f"+{start}",
        lambda text: start + text,
        lambda text: (text[len(start) :],) if text.startswith(start) else (),
    )


def suffixed(end: str) -> Change:
    """Returns the change that puts something behind a text."""
    return Change(
        f"{end}+",
        lambda text: text + end,
        lambda text: (text.removesuffix(end),) if text.endswith(end) else (),
    )


LOWER = Change("lower case", str.lower, lambda text: (text, text.upper()))
DOTLESS = Change("without a dot behind", lambda text: text.rstrip("."), lambda text: (f"{text}.",))
PORTLESS = Change("without port", lambda text: text.partition(":")[0], lambda text: (text, f"{text}:8080"))


@dataclass(frozen=True)
class Asked:
    """A question about an attribute, as its changes left it, and the answer."""

    attribute: str
    changes: tuple[Change, ...]
    test: Test[object]
    answer: object = field(hash=False)

    def answer_for(self, value: object) -> object:
        """Returns the answer that another value of the attribute gets."""
        return self.test.holds(changed(value, self.changes))

    def holds(self, value: object) -> bool:
        """Returns whether another value of the attribute gets the same answer."""
        return self.answer_for(value) == self.answer


def changed(value: Any, changes: Iterable[Change]) -> Any:
    """Returns a value after changes; None stays."""
    if value is not None:
        for change in changes:
            value = change.apply(value)
    return value


class Journal:
    """The values of a request's attributes in one run, and what was asked of them, in order.

    An attribute that isn't among the values is absent.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.asked: list[Asked] = []

    def record(
        self, attribute: str, test: Test[object], answer: object, changes: tuple[Change, ...] = ()
    ) -> None:
        """Notes an answer."""
        self.asked.append(Asked(attribute, changes, test, answer))

    def text(self, attribute: str) -> Attribute:
        """Returns an attribute that is always there."""
        return Attribute(self.values[attribute], attribute, self)

    def optional(self, attribute: str) -> Attribute | None:
        """Returns an attribute, None where it is absent; that is asked."""
        value = self.values.get(attribute)
        self.record(attribute, PRESENT, value is not None)
        return None if value is None else Attribute(value, attribute, self)

    def choice(self, attribute: str, function: Callable[[Any], Value]) -> Value:
        """Returns what a function makes of an attribute that has few values."""
        answer = function(self.values.get(attribute))
        self.record(attribute, Property(function), answer)
        return answer


PRESENT = TextMatch("present")


def unasked(name: str) -> Callable[..., Any]:
    """Returns the method that stands in the place of one that would look at an attribute."""

    def refused(self: Any, *_: object, **__: object) -> NoReturn:
        raise Unasked(f"{name}() looks at the attribute {self.attribute} of a request, and asks nothing")

    return refused


class Attribute(Asking):
    """A text of an explored request (see the module)."""

    attribute: str
    journal: Journal
    changes: tuple[Change, ...]

    def __new__(
        cls, value: str, attribute: str, journal: Journal, changes: tuple[Change, ...] = ()
    ) -> Attribute:
        text = super().__new__(cls, value)
        text.attribute, text.journal, text.changes = attribute, journal, changes
        return text

    @property
    def length(self) -> float:
        return Length(self)

    @property
    def plain(self) -> str:
        """The text itself: for what shows it, never for what decides."""
        return str.__str__(self)

    def asks(self, test: TextMatch) -> bool:
        return self.records(test)

    def records(self, test: Test[Value]) -> Value:
        """Returns the answer to a test, and notes it."""
        answer = test.holds(self.plain)
        self.journal.record(self.attribute, test, answer, self.changes)
        return answer

    def which(self, names: frozenset[str], apart: frozenset[str]) -> str | None:
        return self.records(Which(names, apart))

    def mapped(
        self, name: str, function: Callable[[str], str | None], examples: tuple[str, ...]
    ) -> str | None:
        stays = Stays(name, function, examples)
        if self.records(stays):
            return self
        if examples:  # what a text becomes fares as that does; so one of each kind will do
            self.asks(TextMatch("exact", self.plain))
            return function(self.plain)
        return self.after(Change(name, lambda text: function(text) or "", lambda text: ()))

    def after(self, change: Change) -> Attribute:
        """Returns the text after a change."""
        changes = (*self.changes, change)
        if self.changes and self.changes[-1].name.startswith("-") and change.name.startswith("+"):
            # Of what is taken away what is put back was never away.
            away, back = self.changes[-1].name[1:], change.name[1:]
            while away and back and away[-1] == back[-1]:
                away, back = away[:-1], back[:-1]
            left = (*([dropped(away)] if away else []), *([prefixed(back)] if back else []))
            changes = (*self.changes[:-1], *left)
        return Attribute(change.apply(self.plain), self.attribute, self.journal, changes)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Attribute):
            if (self.attribute, self.changes) == (other.attribute, other.changes):
                return True
            other.asks(TextMatch("exact", other.plain))
            return self.asks(TextMatch("exact", other.plain))
        return isinstance(other, str) and self.asks(TextMatch("exact", other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = unasked("__hash__")

    def __bool__(self) -> bool:
        return not self.asks(TextMatch("exact", ""))

    def __contains__(self, part: object) -> bool:
        return self.asks(TextMatch("regex", f".*{quoted(str(part))}.*"))

    def startswith(self, prefix: str | tuple[str, ...], *_: SupportsIndex | None) -> bool:
        return (
            self.asks(TextMatch("prefix", prefix))
            if isinstance(prefix, str)
            else any(map(self.startswith, prefix))
        )

    def endswith(self, suffix: str | tuple[str, ...], *_: SupportsIndex | None) -> bool:
        return (
            self.asks(TextMatch("suffix", suffix))
            if isinstance(suffix, str)
            else any(map(self.endswith, suffix))
        )

    def lower(self) -> Attribute:
        return self.after(LOWER)

    def isascii(self) -> bool:
        return True  # no other is tried

    def __getitem__(self, index: SupportsIndex | slice) -> Attribute:
        if not isinstance(index, slice) or index.stop is not None or index.step is not None:
            raise Unasked(f"a part of the attribute {self.attribute} is taken, and nothing asked")
        start = self.plain[: index.start]
        return self.after(dropped(start)) if not start or self.startswith(start) else self

    def __add__(self, other: str) -> Attribute:
        return self.after(suffixed(str(other))) if other else self

    def __radd__(self, other: str) -> Attribute:
        return self.after(prefixed(other)) if other else self

    def rstrip(self, characters: str | None = None, /) -> Attribute:
        if characters != ".":
            raise Unasked(f"the attribute {self.attribute} is stripped, and nothing asked")
        return (
            self.after(Change("without ending .", lambda t: t.rstrip("."), lambda t: (t, f"{t}.")))
            if self.endswith(".")
            else self
        )

    def removeprefix(self, prefix: str, /) -> Attribute:
        return self[len(prefix) :] if self.startswith(prefix) else self

    def partition(self, separator: str) -> tuple[str, str, str]:
        if separator != ":":
            raise Unasked(f"the attribute {self.attribute} is taken apart, and nothing asked")
        if ":" not in self:
            return self, "", ""
        _, colon, port = self.plain.partition(":")
        self.asks(TextMatch("suffix", f":{port}"))
        return self.after(PORTLESS), colon, port

    rpartition = partition

    def __str__(self) -> str:
        return START + ";".join((self.attribute, *(change.name for change in self.changes))) + END

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return str(self)


class Length(float):
    """The number of characters of an attribute: how it compares with other numbers is asked."""

    text: Attribute

    def __new__(cls, text: Attribute) -> Length:
        number = super().__new__(cls, str.__len__(text))
        number.text = text
        return number

    def _reaches(self, least: float) -> bool:
        return least != inf and self.text.asks(TextMatch("regex", f".{{{max(0, int(least))},}}"))

    def __ge__(self, other: float) -> bool:
        return self._reaches(other)

    def __gt__(self, other: float) -> bool:
        return self._reaches(other + 1)

    def __lt__(self, other: float) -> bool:
        return not self._reaches(other)

    def __le__(self, other: float) -> bool:
        return not self._reaches(other + 1)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Length):
            return self.text == other.text
        return isinstance(other, int | float) and self._reaches(other) and not self._reaches(other + 1)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


_ANSWERED = {
    *("__new__", "__init__", "__eq__", "__ne__", "__hash__", "__bool__", "__contains__", "__getitem__"),
    *(
        "__add__",
        "__radd__",
        "__str__",
        "__repr__",
        "__format__",
        "__class__",
        "__getattribute__",
        "__setattr__",
    ),
    *("__delattr__", "__dir__", "__doc__", "__init_subclass__", "__subclasshook__", "__sizeof__"),
    *("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "maketrans"),
    *("startswith", "endswith", "lower", "isascii", "partition", "rpartition", "rstrip", "removeprefix"),
}

for _name in set(dir(str)) - _ANSWERED:
    setattr(Attribute, _name, unasked(_name))


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


class _Number:
    """A number of an explored request, some `times` an attribute and an offset: it may be compared with others."""

    attribute: str
    journal: Journal
    times: int = 1
    offset: float = 0.0

    def _asks(self, function: Callable[[float], bool]) -> bool:
        times, offset = self.times, self.offset
        return self.journal.choice(self.attribute, lambda value: function(times * value + offset))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Number):
            return self._form == other._form
        return isinstance(other, int | float) and self._asks(lambda value: value == other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: float) -> bool:
        return self._less(other, lambda left, right: left < right)

    def __le__(self, other: float) -> bool:
        return self._less(other, lambda left, right: left <= right)

    def __gt__(self, other: float) -> bool:
        return self._less(other, lambda left, right: left > right)

    def __ge__(self, other: float) -> bool:
        return self._less(other, lambda left, right: left >= right)

    def _less(self, other: float, function: Callable[[float, float], bool]) -> bool:
        if not isinstance(other, _Number):
            return self._asks(lambda value: function(value, other))
        mine, theirs = self._form, other._form
        return self.journal.choice(
            self.attribute,
            lambda value: function(mine[1] * value + mine[2], theirs[1] * value + theirs[2]),
        )

    def __bool__(self) -> bool:
        return self._asks(bool)

    @property
    def _form(self) -> tuple[str, int, float]:
        return self.attribute, self.times, self.offset

    def __hash__(self) -> int:
        if self.attribute != SECONDS:  # of which sums are pooled
            raise Unasked(f"the attribute {self.attribute} is looked up, and not asked")
        return hash(self._form)

    def __str__(self) -> str:
        times = f"{self.times}×" if self.times != 1 else ""
        return START + times + self.attribute + (f"+{self.offset:g}" if self.offset else "") + END

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return str(self)


class Status(_Number, int):
    """The status of an application's answer."""

    def __new__(cls, attribute: str, journal: Journal) -> Status:
        status = int.__new__(cls, journal.values[attribute])
        status.attribute, status.journal = attribute, journal
        return status


class Seconds(_Number, float):
    """The seconds until an application answers, and what comes to them."""

    def __new__(cls, journal: Journal, times: int = 1, offset: float = 0.0) -> Seconds:
        seconds = float.__new__(cls, times * journal.values[SECONDS] + offset)
        seconds.attribute, seconds.journal = SECONDS, journal
        seconds.times, seconds.offset = times, offset
        return seconds

    def _plus(self, other: float, sign: int) -> float:
        times, offset = (other.times, other.offset) if isinstance(other, Seconds) else (0, other)
        times, offset = self.times + sign * times, self.offset + sign * offset
        return Seconds(self.journal, times, offset) if times else offset

    def __add__(self, other: float) -> float:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: float) -> float:
        return self._plus(other, -1)

    def __rsub__(self, other: float) -> float:
        return Seconds(self.journal, -self.times, other - self.offset)


def _uncounted(self: object, *_: object) -> NoReturn:
    raise Unasked(f"{self} is counted with, and nothing asked")


for _name in ("mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "neg", "abs", "round", "int", "float"):
    for _class in (Status, Seconds):
        setattr(_class, f"__{_name}__", _uncounted)


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


Client = TypeVar("Client", bound=_Pod)

CALLER = "caller"
"""The attribute that is the client's pod as a whole."""


def of_pod(function: Callable[[Client], Value], pod: Client) -> Value:
    """Returns what a pure function makes of a client's pod."""
    namespace = pod.workload.namespace
    return namespace.journal.choice(CALLER, function) if isinstance(namespace, Attribute) else function(pod)


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

"""Texts of a request that is explored: each must be asked."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, TypeVar

from harness.base.explored.changes import LOWER, PORT, PORTLESS, Change, dropped, prefixed, suffixed
from harness.base.explored.journal import (
    ASCII,
    END,
    START,
    Among,
    InNetwork,
    Journal,
    Stays,
    Test,
    Unasked,
    Which,
)
from harness.base.expressions import quoted
from harness.base.matching import Asking, TextMatch

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


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

    def among(self, names: frozenset[str]) -> bool:
        return self.records(Among(names))

    def which(self, names: frozenset[str], apart: frozenset[str]) -> str | None:
        return self.records(Which(names, apart))

    def within(self, block: str) -> bool:
        return self.records(InNetwork(block))

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
        return self.records(ASCII)

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
        return self.after(PORTLESS), separator, self.after(PORT)

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
        if least <= 1 or least == inf:  # no text of a request is empty
            return least <= 1
        return self.text.asks(TextMatch("regex", f".{{{max(0, int(least))},}}"))

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

"""What is asked of a request that is explored: the questions, and the journal of a run that has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.base.explored.changes import Change, changed
from harness.base.matching import TextMatch
from harness.base.networks import lies_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.base.explored.attribute import Attribute

Value = TypeVar("Value")

START, END = "\ue000", "\ue001"
"""What stands around the name of an attribute where it is shown. Neither is in any configuration."""

AND = "\ue002"
"""What stands between the texts of an attribute that has several: items of a claim, lines of a header.

Who looks at them as one text sees a comma there.
"""

AGAIN = "\ue004"
"""What stands between the values of a parameter that is there several times: as one text it is the first."""

OBJECT = "\ue003"
"""The value of a claim that holds others."""

BARE = "\ue005"
"""Begins the value of a claim that is no text: a number, true or false, as a header shows it."""

BEYOND = "\u0258"
"""Stands for characters beyond ASCII that no rule names."""

TOKEN = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJoYXJuZXNzIn0.aGFybmVzcw"
"""Ends the value of a header that has the token which is stated by its claims, and stands for its text."""

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
class Further:
    """What is at a place where the same is looked for as at another before it."""

    def holds(self, value: Any, /) -> str:
        """Returns what is there, in words."""
        return str(value)


@dataclass(frozen=True)
class Stays:
    """Whether a text stays what it is by a function of this name; `examples` are texts that don't."""

    name: str
    function: Callable[[str], str | None] = field(compare=False)
    examples: tuple[str, ...] = ()

    def holds(self, value: Any, /) -> bool:
        """Returns whether it stays."""
        return bool(self.function(value) == value)


def _only_ascii(text: str) -> str | None:
    return text if text.isascii() else None


ASCII = Stays("ASCII", _only_ascii, (BEYOND,))
"""Whether a text has no characters beyond ASCII."""


@dataclass(frozen=True)
class Among:
    """Whether an attribute is one of some texts, whichever."""

    names: frozenset[str]

    def holds(self, value: Any, /) -> bool:
        """Returns whether it is."""
        return value in self.names


@dataclass(frozen=True)
class Which:
    """Which of some texts an attribute is, apart from others."""

    names: frozenset[str]
    apart: frozenset[str] = frozenset()

    def holds(self, value: Any, /) -> str | None:
        """Returns the text, None if it is none of them."""
        return value if value in self.names and value not in self.apart else None


@dataclass(frozen=True)
class Some:
    """Whether one of an attribute's texts, whichever, fulfils a test; `spaced`: spaces part them, too."""

    test: TextMatch | Among
    spaced: bool = False

    def holds(self, value: Any, /) -> bool:
        """Returns whether there is such a one."""
        if value is None or value.startswith((OBJECT, BARE)):
            return False
        texts = list(filter(None, value.replace(" ", AND).split(AND))) if self.spaced else apart(value)
        return any(map(self.test.holds, texts))


@dataclass(frozen=True)
class Several:
    """Whether an attribute has more than one text."""

    def holds(self, value: Any, /) -> bool:
        """Returns whether it has."""
        return value is not None and len(apart(value)) > 1


def apart(value: str) -> list[str]:
    """Returns the texts that a value is."""
    return value.replace(AGAIN, AND).split(AND)


def as_one(value: Any) -> Any:
    """Returns the text that a value is for who looks at it as one."""
    return value.partition(AGAIN)[0].replace(AND, ",") if isinstance(value, str) else value


@dataclass(frozen=True)
class InNetwork:
    """Whether a text is an IP address in a network."""

    block: str

    def holds(self, value: Any, /) -> bool:
        """Returns whether it is."""
        return value is not None and lies_in(value, self.block)


@dataclass(frozen=True)
class Asked:
    """A question about an attribute, as its changes left it, and the answer."""

    attribute: str
    changes: tuple[Change, ...]
    test: Test[object]
    answer: object = field(hash=False)

    def answer_for(self, value: object) -> object:
        """Returns the answer that another value of the attribute gets."""
        own = value if isinstance(self.test, Some | Several) else as_one(value)
        return self.test.holds(changed(own, self.changes))

    def holds(self, value: object) -> bool:
        """Returns whether another value of the attribute gets the same answer."""
        return self.answer_for(value) == self.answer


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
        return _attribute(self, attribute)

    def optional(self, attribute: str) -> Attribute | None:
        """Returns an attribute, None where it is absent; that is asked."""
        value = self.values.get(attribute)
        self.record(attribute, PRESENT, value is not None)
        return None if value is None else _attribute(self, attribute)

    def several(self, attribute: str) -> bool:
        """Returns whether an attribute that is there is several texts; that is asked."""
        test = Several()
        answer = test.holds(self.values[attribute])
        self.record(attribute, test, answer)
        return answer

    def choice(self, attribute: str, function: Callable[[Any], Value]) -> Value:
        """Returns what a function makes of an attribute that has few values."""
        answer = function(self.values.get(attribute))
        self.record(attribute, Property(function), answer)
        return answer


PRESENT = TextMatch("present")


def _attribute(journal: Journal, name: str) -> Attribute:
    from harness.base.explored.attribute import Attribute  # which knows what a journal is

    return Attribute(as_one(journal.values[name]), name, journal)

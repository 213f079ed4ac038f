"""Numbers of a request that is explored: what an application answers, and when."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from harness.base.explored.journal import END, SECONDS, START, Journal, Unasked

Relation = Callable[[float, float], bool]


@dataclass(frozen=True)
class Measure:
    """How a number compares with another: each is so many times an attribute, and an offset."""

    relation: Relation
    left: tuple[int, float]
    right: tuple[int, float]

    def holds(self, value: Any, /) -> bool:
        """Returns whether the relation holds for a value of the attribute."""
        left, right = (
            times * value + offset if times else offset for times, offset in (self.left, self.right)
        )
        return self.relation(left, right)


class _Number:
    """A number of an explored request, some `times` an attribute and an offset: it may be compared."""

    attribute: str
    journal: Journal
    times: int = 1
    offset: float = 0.0

    def _asks(self, relation: Relation, other: float) -> bool:
        factors = (other.times, other.offset) if isinstance(other, _Number) else (0, other)
        measure = Measure(relation, (self.times, self.offset), factors)
        answer = measure.holds(self.journal.values[self.attribute])
        self.journal.record(self.attribute, measure, answer)
        return answer

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Number):
            return self._form == other._form
        return isinstance(other, int | float) and self._asks(operator.eq, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: float) -> bool:
        return self._asks(operator.lt, other)

    def __le__(self, other: float) -> bool:
        return self._asks(operator.le, other)

    def __gt__(self, other: float) -> bool:
        return self._asks(operator.gt, other)

    def __ge__(self, other: float) -> bool:
        return self._asks(operator.ge, other)

    def __bool__(self) -> bool:
        return self._asks(operator.ne, 0)

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

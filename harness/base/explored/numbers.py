"""Numbers of a request that is explored: what an application answers, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from harness.base.explored.journal import END, SECONDS, START, Journal, Unasked

if TYPE_CHECKING:
    from collections.abc import Callable


class _Number:
    """A number of an explored request, some `times` an attribute and an offset: it may be compared."""

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

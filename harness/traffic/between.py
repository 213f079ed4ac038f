"""Shares that depend on other requests: bounds in the place of an exact number."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self, TypeVar

    Label = TypeVar("Label")


class Between(Fraction):
    """A share that other requests can move: its value is that of a request alone, within its bounds.

    `on` are the settings by which they move it: shares that are moved by others aren't equal. Sums and
    products have the bounds of their parts, and no exact number equals it.
    """

    __slots__ = ("high", "low", "on")
    low: Fraction
    high: Fraction
    on: frozenset[str]

    def __new__(cls, alone: Fraction, low: Fraction, high: Fraction, on: frozenset[str]) -> Self:
        share = super().__new__(cls, alone)
        share.low, share.high, share.on = low, high, on
        return share

    def __mul__(self, other: int | Fraction) -> Between:  # type: ignore[override]
        low, high, on = _bounds(other)
        return Between(_alone(self) * _alone(other), self.low * low, self.high * high, self.on | on)

    def __add__(self, other: int | Fraction) -> Between:  # type: ignore[override]
        low, high, on = _bounds(other)
        return Between(_alone(self) + _alone(other), self.low + low, self.high + high, self.on | on)

    __rmul__, __radd__ = __mul__, __add__  # type: ignore[assignment]

    def _unbounded(self, other: object) -> NoReturn:
        raise TypeError(f"{self!r} and {other!r} have no bounds together")

    __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _unbounded

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Between) and self._all == other._all

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self._all)

    def __bool__(self) -> bool:
        return bool(self.high)

    def __repr__(self) -> str:
        return f"Between({_alone(self)}, {self.low}, {self.high})"

    def __str__(self) -> str:
        return f"between {self.low} and {self.high}"

    def __reduce__(self) -> tuple[type[Between], tuple[Fraction, Fraction, Fraction, frozenset[str]]]:
        return Between, self._all

    @property
    def _all(self) -> tuple[Fraction, Fraction, Fraction, frozenset[str]]:
        return _alone(self), self.low, self.high, self.on


def _alone(share: int | Fraction) -> Fraction:
    return Fraction(share.numerator, share.denominator)


def _bounds(share: int | Fraction) -> tuple[Fraction, Fraction, frozenset[str]]:
    if isinstance(share, Between):
        return share.low, share.high, share.on
    return _alone(share), _alone(share), frozenset()


def bounds(share: Fraction) -> tuple[Fraction, Fraction]:
    """Returns the least and the most that a share can be: of an exact one twice the same."""
    return _bounds(share)[:2]


def moved_by(share: Fraction) -> frozenset[str]:
    """Returns the settings by which other requests move a share; none for an exact one."""
    return _bounds(share)[2]


def between(alone: Fraction, low: Fraction, high: Fraction, on: frozenset[str]) -> Fraction:
    """Returns a share with bounds; an exact one where they are equal."""
    return alone if low == high else Between(alone, low, high, on)


def narrowed(weights: Mapping[Label, Fraction]) -> dict[Label, Fraction]:
    """Returns the weights of everything that may happen, with no wider bounds than the others leave."""
    if not any(isinstance(weight, Between) for weight in weights.values()):
        return dict(weights)
    least = sum((bounds(weight)[0] for weight in weights.values()), Fraction(0))
    most = sum((bounds(weight)[1] for weight in weights.values()), Fraction(0))

    def narrow(weight: Fraction) -> Fraction:
        low, high, on = _bounds(weight)
        low, high = max(low, 1 - (most - high)), min(high, 1 - (least - low))
        return between(min(max(_alone(weight), low), high), low, high, on)

    return {label: narrow(weight) for label, weight in weights.items()}


def percent(share: Fraction | float) -> str:
    """Returns a share in percent, in words."""
    if isinstance(share, Between):
        return f"between {float(100 * share.low):.4g} % and {float(100 * share.high):.4g} %"
    return f"{100 * float(share):.4g} %"

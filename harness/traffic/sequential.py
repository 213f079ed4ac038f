"""How large a sample must become, and what each look at it may decide: a group sequential test.

A sample is looked at, then grown until it decides. At each look each class of outcomes is compared with its
expected share by exact binomial tests:

- *fail* if a share this far off (either side) is less probable than the false-fail rate, divided by the
  number of looks and of classes whose share is open (Bonferroni, so the rate holds for all of them together);
- *pass* if every share that is off by the tolerance is less probable than the false-pass rate, divided by the
  number of looks. What is off is off in one class at least, and that class's test must pass, too: so the
  number of classes doesn't matter.

The last look is as large as it takes for every count to be one or the other: what doesn't pass there fails
by the same test as anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.base.settings import Confidence

_USUALLY, _FEWEST = 200, 50
"""The requests of a first look: these, or fewer where those show that all are of one class."""

_ENDLESS = 10**9

_MANY = 10
"""How often what mustn't happen would be seen at least, on average, if it were off by the tolerance."""

_WORTHWHILE = 1.25
"""By how much the last look must be larger than the one before."""


@dataclass(frozen=True)
class Plan:
    """At which sizes a sample is looked at, and the levels of the tests of one class at one look."""

    looks: tuple[int, ...]
    fail_level: float
    pass_level: float


def tolerance(share: float, confidence: Confidence) -> float:
    """Returns by how much a share must be off to be told from the expected one.

    That is the deviation, but never more than half of the share, or of what it leaves: so a canary of 1 %
    is told from 0.5 % and 1.5 %. Of what never or always happens it is the share that may stay unseen.
    """
    rest = min(share, 1 - share)
    return min(confidence.deviation, rest / 2) if rest > 0 else confidence.unseen or confidence.deviation


def at_most(count: int, n: int, share: float) -> float:
    """Returns the probability of `count` or fewer of `n`."""
    from scipy.special import bdtr  # scipy takes long to import, and the model never needs it

    return float(bdtr(count, n, share)) if count < n else 1.0


def at_least(count: int, n: int, share: float) -> float:
    """Returns the probability of `count` or more of `n`."""
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, n, share)) if count > 0 else 1.0


def fails(count: int, n: int, share: float, level: float) -> bool:
    """Returns whether so many of `n` prove that their share is another."""
    return 2 * min(at_most(count, n, share), at_least(count, n, share)) < level


def passes(count: int, n: int, share: float, off: float, level: float) -> bool:
    """Returns whether so many of `n` prove that their share isn't `off` away, on either side."""
    not_below = share - off < 0 or at_least(count, n, share - off) < level
    return not_below and (share + off > 1 or at_most(count, n, share + off) < level)


@lru_cache(maxsize=256)
def plan(shares: tuple[float, ...], confidence: Confidence) -> Plan:
    """Returns the plan for a sample whose classes have these shares.

    Raises InputError if it takes more requests than `confidence.most`, and says how many it takes.
    """
    distinct = shares if len(shares) > 2 else shares[:1]  # of two, one tells the other
    open_shares = tuple(dict.fromkeys(share for share in distinct if 0 < share < 1))
    classes = max(1, sum(0 < share < 1 for share in distinct))
    told = tuple(dict.fromkeys((*open_shares, *(share for share in shares if share in (0, 1)))))
    looks: tuple[int, ...] = ()
    for asked in range(1, 64):
        tests = asked + 1  # what shall be of one class is looked at once before it settles
        levels = confidence.false_fail / tests / classes, confidence.false_pass / tests
        largest, share = max((_decisive(share, confidence, *levels), share) for share in told)
        looks = _growing(largest) if open_shares else (largest,)
        if len(looks) > asked:
            continue
        if largest > confidence.most:
            raise _too_many(share, tolerance(share, confidence), confidence, f"{largest:,}")
        return Plan(looks, *levels)
    raise AssertionError("doubling reaches any size")


def _growing(largest: int) -> tuple[int, ...]:
    """Returns sizes each twice the one before, up to the largest."""
    sizes = [min(_USUALLY, -(-largest // _FEWEST) * _FEWEST)]
    while sizes[-1] * 2 * _WORTHWHILE < largest:
        sizes.append(sizes[-1] * 2)
    return (*sizes, largest) if sizes[-1] < largest else tuple(sizes)


def _decisive(share: float, confidence: Confidence, fail_level: float, pass_level: float) -> int:
    """Returns the least sample, or little more, of which every count decides."""
    off = tolerance(share, confidence)

    def decided(n: int) -> bool:
        if share in (0, 1):  # one surprise fails
            return n * off >= _MANY and passes(int(share * n), n, share, off, pass_level)
        low = _first(0, int(share * n), lambda count: not fails(count, n, share, fail_level))
        high = (
            _first(int(share * n), n + 1, lambda count: count > n or fails(count, n, share, fail_level)) - 1
        )
        return passes(low, n, share, off, pass_level) and passes(high, n, share, off, pass_level)

    size = _FEWEST
    while not decided(size):
        size *= 2
        if size > _ENDLESS:
            raise _too_many(share, off, confidence, f"more than {_ENDLESS:,}")
    low = size // 2
    while size - low > max(1, size // 200 if 0 < share < 1 else 1):
        middle = (low + size) // 2
        low, size = (low, middle) if decided(middle) else (middle, size)
    return size


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Returns the first count in a range for which a monotonic condition holds; its end if for none."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _too_many(share: float, off: float, confidence: Confidence, requests: str) -> InputError:
    return InputError(
        f"telling a share of {100 * share:.4g} % from one that is off by {100 * off:.4g} points takes "
        f"{requests} requests",
        why=f"at most {confidence.most:,} are sent (--harness-most-requests), at --harness-false-fail "
        f"{confidence.false_fail:g} and --harness-false-pass {confidence.false_pass:g}",
        todo="raise --harness-most-requests, a smaller --harness-deviation, or the probabilities",
    )


def unseen(n: int, confidence: Confidence) -> float:
    """Returns the share that can have stayed unseen in so many requests, but for the false-pass rate.

    At 1/20 that is the rule of three, 3/n.
    """
    return float(1 - confidence.false_pass ** (1 / n))


def clustered(labels: Sequence[str], shares: Mapping[str, float], confidence: Confidence) -> bool:
    """Returns whether answers follow their like more often than independent ones with these shares would.

    `labels` are the classes in the order of their requests. Of neighbours that don't overlap each two are
    alike independently, with the sum of the squared shares: an exact binomial test, on the false-fail rate.
    """
    pairs = list(zip(labels[::2], labels[1::2], strict=False))
    alike = sum(first == second for first, second in pairs)
    chance = min(1.0, sum(share * share for share in shares.values()))
    return bool(pairs) and at_least(alike, len(pairs), chance) < confidence.false_fail

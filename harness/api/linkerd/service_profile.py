"""ServiceProfile: routes, retries and traffic splits of the Service that it is named after."""

from __future__ import annotations

import struct
from fractions import Fraction

from harness.api import field
from harness.api.node import Node, Spec
from harness.base.durations import seconds

_LONGEST, _LARGEST = 60.0, 1000
_SUFFIXES = {"m": Fraction(1, 1000), "k": Fraction(1000), "": Fraction(1)}


def _single(number: float) -> float:
    """The nearest number of single precision."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


class RequestCondition(Node):
    """What a request must be like: all of its parts hold, of which `has` tells the written ones."""

    method = field.optional("method")
    path_regex = field.optional("pathRegex")
    all = field.nodes("all", lambda *part: RequestCondition(*part))
    any = field.nodes("any", lambda *part: RequestCondition(*part))
    negated = field.node("not", lambda *part: RequestCondition(*part))


class StatusRange(Node):
    """HTTP statuses from `low` to `high`; 0 stands for an absent bound."""

    low = field.count("min")
    high = field.count("max")


class ResponseCondition(Node):
    """What an answer must be like: all of its parts hold, of which `has` tells the written ones."""

    status = field.node("status", StatusRange)
    all = field.nodes("all", lambda *part: ResponseCondition(*part))
    any = field.nodes("any", lambda *part: ResponseCondition(*part))
    negated = field.node("not", lambda *part: ResponseCondition(*part))


class ResponseClass(Node):
    """Answers that count as failures, or as successes."""

    condition = field.node("condition", ResponseCondition)
    is_failure = field.boolean("isFailure")


class ServiceProfileRoute(Node):
    """Requests with a time limit (in seconds), retries, and what counts as their failures."""

    name = field.text("name")
    condition = field.node("condition", RequestCondition)
    timeout = field.duration("timeout")
    is_retryable = field.boolean("isRetryable")
    classes = field.nodes("responseClasses", ResponseClass)


class DestinationOverride(Node):
    """A share of requests that goes to another Service (`host`), or port (None: the one dialled)."""

    authority = field.text("authority")
    _weight = field.raw("weight")

    @field.derived
    def weight(self) -> Fraction:
        """Its part of the sum of all weights."""
        written = str(self._weight)
        suffix = written[-1] if written[-1].isalpha() else ""
        return Fraction(written.removesuffix(suffix)) * _SUFFIXES[suffix]

    @property
    def host(self) -> str:
        return self.authority.partition(":")[0]

    @property
    def port(self) -> int | None:
        written = self.authority.partition(":")[2]
        return int(written) if written else None


class RetryBudget(Node):
    """What may be sent again: a share of what isn't, and so many requests a second in any case."""

    _ratio = field.number("retryRatio")
    _minimum = field.count("minRetriesPerSecond", 10)
    _ttl = field.text("ttl", "10s")

    @field.derived
    def ratio(self) -> Fraction:
        """The share, by default a fifth."""
        return Fraction(1, 5) if self._ratio is None else Fraction(str(self._ratio))

    @property
    def share(self) -> Fraction:
        """The share as the proxy has it: so many times a whole number goes in [tower: TpsBudget]."""
        if not self.ratio:
            return self.ratio
        whole = 1 if self.ratio <= 1 else 1000
        return Fraction(whole, int(_single(whole / _single(float(self.ratio)))))

    @property
    def reserve(self) -> int:
        """The requests in any case, over the time that the budget looks back: by default 10 s."""
        return self._minimum * int(seconds(self._ttl) or 0.0)

    @property
    def usable(self) -> bool:
        """Whether the proxy takes it: else it sends nothing again [linkerd2-proxy: service-profiles]."""
        ttl = seconds(self._ttl) or 0.0
        return 1 <= ttl <= _LONGEST and self.ratio <= _LARGEST and self._minimum < 1 << 31

    @property
    def words(self) -> str:
        """What it says."""
        return f"retryRatio={float(self.ratio):g}, minRetriesPerSecond={self._minimum}, ttl={self._ttl}"


class ServiceProfile(Spec):
    """Routes, which are tried in their order, and destination overrides."""

    routes = field.nodes("routes", ServiceProfileRoute)
    budget = field.node("retryBudget", RetryBudget)
    written_overrides = field.nodes("dstOverrides", DestinationOverride)

    @field.derived
    def overrides(self) -> tuple[DestinationOverride, ...]:
        """The destination overrides that have a weight."""
        return tuple(override for override in self.written_overrides if override.weight)

    @property
    def decides(self) -> bool:
        """Whether it takes its Service over: one without routes and overrides doesn't."""
        return bool(self.routes or self.overrides)

"""Linkerd's annotations on routes, Services, namespaces and pods: their names, and what they ask for.

The policy controller reads an object's annotations for time limits as one, those for retries as another:
where one of them can't be read, none counts [linkerd/linkerd2: policy-controller, outbound/index.rs]. On
routes its webhook refuses such annotations; on a Service nobody does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import annotations_of
from harness.api.refusal import Fault
from harness.base.grpc import RETRYABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import Resource

DEFAULT_POLICY = "config.linkerd.io/default-inbound-policy"
IDENTITY_PORTS = "config.linkerd.io/proxy-require-identity-inbound-ports"
OPAQUE_PORTS = "config.linkerd.io/opaque-ports"
SKIP_INBOUND = "config.linkerd.io/skip-inbound-ports"
SKIP_OUTBOUND = "config.linkerd.io/skip-outbound-ports"
SKIP_SUBNETS = "config.linkerd.io/skip-subnets"

ACCRUAL = "balancer.linkerd.io/failure-accrual"
_SUCCESS_RATE = "balancer.alpha.linkerd.io/failure-accrual-success-rate"
_FLOAT = re.compile(r"[+-]?(inf|infinity|nan|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)", re.ASCII | re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Unreadable(ValueError):  # noqa: N818
    """An annotation that the policy controller can't read; its words say why."""


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds: on the whole request, on its answer, and on idle time, which ends none."""

    request: float | None = None
    response: float | None = None
    idle: float | None = None


@dataclass(frozen=True)
class Retries:
    """What is sent again, how often, and after which time per try: HTTP statuses, or gRPC codes."""

    statuses: tuple[tuple[int, int], ...] = ()
    codes: tuple[int, ...] = ()
    limit: int = 1
    timeout: float | None = None


@dataclass(frozen=True)
class Accrual:
    """When a proxy takes an endpoint out for a while: after failures in a row, or below a success rate.

    0 stands for neither. `words` are the annotations that say so.
    """

    failures: int
    rate: float
    words: str


def timeouts(resource: Resource) -> Timeouts:
    """Returns the limits that an object's annotations set; none if one of them can't be read."""
    try:
        return _timeouts(annotations_of(resource))
    except Unreadable:
        return Timeouts()


def retries(resource: Resource, *, grpc: bool = False) -> Retries | None:
    """Returns the retries that an object's annotations ask for; None if they ask for none or can't be read.

    Without conditions 5xx is retried, and no gRPC status; the limit is 1 unless said otherwise.
    """
    try:
        return _retries(annotations_of(resource), grpc=grpc)
    except Unreadable:
        return None


def unreadable(resource: Resource) -> Fault | None:
    """Returns which of a route's annotations can't be read, and why; None if all can."""
    entries, grpc = annotations_of(resource), resource.kind == "GRPCRoute"
    words = _unreadable(entries, grpc=grpc)
    if words is None:
        return None
    name = next(name for name in entries if _unreadable({name: entries[name]}, grpc=grpc) == words)
    return Fault(words, f"metadata.annotations.{name}")


def _unreadable(entries: Mapping[str, str], *, grpc: bool) -> str | None:
    try:
        _retries(entries, grpc=grpc)
        _timeouts(entries)
    except Unreadable as error:
        return str(error)
    return None


def accrual(resource: Resource) -> Accrual | None:
    """Returns when the proxy takes endpoints out that fail; None if never, or if that can't be read."""
    entries = annotations_of(resource)
    mode = entries.get(ACCRUAL)
    if mode not in ("consecutive", "unified"):
        return None
    written = sorted(f"{key}={entries[key]}" for key in entries if key.startswith((ACCRUAL, _SUCCESS_RATE)))
    try:
        failures, rate = _consecutive(entries), _threshold(entries) if mode == "unified" else 0.0
    except Unreadable:
        return None
    return Accrual(failures, rate, ", ".join(written)) if failures or rate else None


def _timeouts(entries: Mapping[str, str]) -> Timeouts:
    names = ("response", "request", "idle")
    return Timeouts(**{name: duration_of(entries.get(f"timeout.linkerd.io/{name}")) for name in names})


def _retries(entries: Mapping[str, str], *, grpc: bool) -> Retries | None:
    text = entries.get("retry.linkerd.io/limit")
    limit = _integer(text, 16) if text is not None else 0
    timeout = duration_of(entries.get("retry.linkerd.io/timeout"))
    conditions = entries.get(f"retry.linkerd.io/{'grpc' if grpc else 'http'}")
    if conditions is None and not limit and timeout is None:
        return None
    words = conditions.split(",") if conditions is not None else ()
    if grpc:
        return Retries(codes=tuple(map(_code, words)), limit=limit or 1, timeout=timeout)
    statuses = tuple(_statuses(word, conditions or "") for word in words)
    return Retries(statuses or ((500, 599),), limit=limit or 1, timeout=timeout)


def _code(word: str) -> int:
    if word.lower() not in RETRYABLE:
        raise Unreadable(f"Unknown grpc retry condition: {word}")
    return RETRYABLE[word.lower()]


def _statuses(word: str, conditions: str) -> tuple[int, int]:
    match word.lower():
        case "5xx":
            return (500, 599)
        case "gateway-error":
            return (502, 504)
    low, _, high = word.partition("-")
    if not re.fullmatch(r"[1-5]\d\d(-[1-5]\d\d)?", word, re.ASCII) or (high and high < low):
        raise Unreadable(f"invalid retry condition: {conditions}")
    return (int(low), int(high or low))


def _consecutive(entries: Mapping[str, str]) -> int:
    """How many failures in a row take an endpoint out; raises Unreadable where the parameters don't fit."""

    def parameter(name: str, default: str) -> str:
        return entries.get(f"{ACCRUAL}-consecutive-{name}", default)

    longest, shortest = _duration(parameter("max-penalty", "60s")), _duration(parameter("min-penalty", "1s"))
    jitter = _decimal(parameter("jitter-ratio", "0.5"))
    if shortest > longest or not longest or not 0 <= jitter <= 100:
        raise Unreadable("the penalties or the jitter ratio are out of bounds")
    return _integer(parameter("max-failures", "7").strip(), 32)


def _threshold(entries: Mapping[str, str]) -> float:
    """The share of successes below which an endpoint is taken out, 0 for none."""
    threshold = _decimal(entries.get(f"{_SUCCESS_RATE}-threshold", "0.8"))
    window = _duration(entries.get(f"{_SUCCESS_RATE}-window", "10s"))
    requests = _integer(entries.get(f"{_SUCCESS_RATE}-min-requests", "5").strip(), 32)
    if not 0 <= threshold <= 1 or not window or (threshold and (window < 0.01 or requests > 1_000_000)):
        raise Unreadable("the success rate's threshold, window or requests are out of bounds")
    return threshold


def _integer(text: str, bits: int) -> int:
    if not re.fullmatch(r"\+?\d+", text, re.ASCII):
        raise Unreadable(
            "invalid digit found in string" if text else "cannot parse integer from empty string"
        )
    if int(text) >= 1 << bits:
        raise Unreadable("number too large to fit in target type")
    return int(text)


def _decimal(text: str) -> float:
    number = text.strip()
    if not _FLOAT.fullmatch(number):
        raise Unreadable("invalid float literal" if number else "cannot parse float from empty string")
    return float(number)


def duration_of(text: str | None) -> float | None:
    """Returns the seconds of a duration, None for none and for zero; raises Unreadable for what isn't one."""
    return None if text is None else _duration(text) or None


def _duration(text: str) -> float:
    """The seconds of `500ms`, `2s`, `1h`, or `0`: one whole number and one unit."""
    text = text.strip()
    if text.startswith("-"):
        raise Unreadable(f"duration value cannot be negative: '{text}'")
    parts = re.fullmatch(r"(.*\d)(\D*)", text, re.ASCII)
    if parts is None:
        raise Unreadable(f"{text} does not contain a timeout duration value")
    magnitude, unit = parts.groups()
    if "." in magnitude:
        raise Unreadable("fractional values not supported")
    number = _integer(magnitude, 64)
    if unit in _UNITS and number * round(1000 * _UNITS[unit]) >= 1 << 64:
        raise Unreadable(f"Timeout value {text} overflows when converted to 'ms'")
    if not unit and number:
        raise Unreadable(f"missing duration unit; did you mean '{number}s' or '{number}ms'?")
    if unit and unit not in _UNITS:
        raise Unreadable(f"invalid duration unit {unit} (expected one of 'ms', 's', 'm', 'h', or 'd')")
    return number * _UNITS.get(unit, 0.0)

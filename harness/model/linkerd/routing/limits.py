"""Time limits, retries and failure accrual that a route or a Service asks for, mostly by annotation.

The policy controller reads an object's annotations for time limits as one, those for retries as another:
where one of them can't be read, none counts [linkerd/linkerd2: policy-controller, outbound/index.rs]. On
routes its webhook refuses such annotations; on a Service nobody does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.objects import annotations_of, spec_of
from harness.model.message import RETRYABLE_GRPC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.gateway_api.route import Route, Rule
    from harness.base.resources import Resource
    from harness.traffic.outcomes import Outcome

GRPC_FAILURES = frozenset((2, 4, 7, 13, 14, 15))
"""The gRPC statuses that Linkerd's proxies count as failures."""

ACCRUAL = "balancer.linkerd.io/failure-accrual"
_SUCCESS_RATE = "balancer.alpha.linkerd.io/failure-accrual-success-rate"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Unreadable(ValueError):  # noqa: N818
    """An annotation that the policy controller can't read; its words say why."""


@dataclass(frozen=True)
class Limit:
    """The time that a request has left, and how the proxy calls its end."""

    seconds: float
    name: str

    def after(self, spent: float) -> Limit:
        """Returns the limit for what comes after some time was spent."""
        return replace(self, seconds=self.seconds - spent)


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds: on the whole request, on its answer, and on idle time, which ends none."""

    request: float | None = None
    response: float | None = None
    idle: float | None = None

    def shortest(self) -> Limit | None:
        """Returns the limit that ends a request first."""
        named = ((self.request, "request timeout"), (self.response, "response stream timeout"))
        limits = [Limit(seconds, f"{name}: {seconds:g}s") for seconds, name in named if seconds is not None]
        return min(limits, key=lambda limit: limit.seconds, default=None)


@dataclass(frozen=True)
class Retry:
    """What is sent again, how often, and after which time per try: HTTP statuses, or gRPC codes."""

    statuses: tuple[tuple[int, int], ...] = ()
    codes: tuple[int, ...] = ()
    limit: int = 1
    timeout: float | None = None

    def applies(self, outcome: Outcome) -> bool:
        """Returns whether an answer is sent again."""
        status = outcome.status or 0
        if own_error(outcome):
            return False
        return outcome.grpc_status in self.codes or any(low <= status <= high for low, high in self.statuses)


def own_error(outcome: Outcome) -> bool:
    """Returns whether the client's proxy answers itself, since no server did: nothing is sent again then."""
    return outcome.header("l5d-proxy-error") is not None


def timeouts(resource: Resource) -> Timeouts:
    """Returns the limits that an object's annotations set; none if one of them can't be read."""
    try:
        return _timeouts(annotations_of(resource))
    except Unreadable:
        return Timeouts()


def retry(resource: Resource, *, grpc: bool = False) -> Retry | None:
    """Returns the retries that an object's annotations ask for; None if they ask for none or can't be read.

    Without conditions 5xx is retried, and no gRPC status; the limit is 1 unless said otherwise.
    """
    try:
        return (_grpc_retry if grpc else _http_retry)(annotations_of(resource))
    except Unreadable:
        return None


def refusal(resource: Resource) -> str:
    """Returns why the webhook refuses a route's annotations, in its words; empty if it doesn't."""
    entries = annotations_of(resource)
    try:
        (_grpc_retry if resource.kind == "GRPCRoute" else _http_retry)(entries)
        _timeouts(entries)
    except Unreadable as error:
        return str(error)
    return ""


def request_timeout(route: Route, rule: Rule) -> float | None:
    """Returns a rule's `timeouts.request`; the Gateway API's composite ones (`1m30s`) aren't read."""
    if route.resource.group == "policy.linkerd.io" or rule.request_timeout is None:
        return rule.request_timeout
    index = int(rule.field.removeprefix("spec.rules[").rstrip("]"))
    try:
        return _optional(spec_of(route.resource)["rules"][index]["timeouts"]["request"])
    except Unreadable:
        return None


def accrues(resource: Resource) -> bool:
    """Returns whether the proxy takes endpoints out that fail: a mode and parameters that can be read."""
    entries = annotations_of(resource)
    mode = entries.get(ACCRUAL)
    if mode not in ("consecutive", "unified"):
        return False
    try:
        failures = _consecutive(entries)
        return mode == "consecutive" or bool(failures or _threshold(entries))
    except Unreadable:
        return False


def _timeouts(entries: Mapping[str, str]) -> Timeouts:
    response, request, idle = (
        _optional(entries.get(f"timeout.linkerd.io/{name}")) for name in ("response", "request", "idle")
    )
    return Timeouts(request, response, idle)


def _http_retry(entries: Mapping[str, str]) -> Retry | None:
    limit, timeout = _limit(entries), _optional(entries.get("retry.linkerd.io/timeout"))
    said = entries.get("retry.linkerd.io/http")
    if said is None and limit is None and timeout is None:
        return None
    statuses = tuple(_statuses(word, said) for word in said.split(",")) if said is not None else ((500, 599),)
    return Retry(statuses, limit=limit or 1, timeout=timeout)


def _grpc_retry(entries: Mapping[str, str]) -> Retry | None:
    limit, timeout = _limit(entries), _optional(entries.get("retry.linkerd.io/timeout"))
    said = entries.get("retry.linkerd.io/grpc")
    if said is None and limit is None and timeout is None:
        return None
    codes = []
    for word in said.split(",") if said is not None else ():
        if word.lower() not in RETRYABLE_GRPC:
            raise Unreadable(f"Unknown grpc retry condition: {word}")
        codes.append(RETRYABLE_GRPC[word.lower()])
    return Retry(codes=tuple(codes), limit=limit or 1, timeout=timeout)


def _limit(entries: Mapping[str, str]) -> int | None:
    """The limit on retries, None if there is none or it is 0."""
    text = entries.get("retry.linkerd.io/limit")
    return (_integer(text, 16) or None) if text is not None else None


def _statuses(word: str, said: str) -> tuple[int, int]:
    match word.lower():
        case "5xx":
            return (500, 599)
        case "gateway-error":
            return (502, 504)
    if not re.fullmatch(r"[1-5]\d\d(-[1-5]\d\d)?", word, re.ASCII):
        raise Unreadable(f"invalid retry condition: {said}")
    low, _, high = word.partition("-")
    if high and high < low:
        raise Unreadable(f"invalid retry condition: {said}")
    return (int(low), int(high or low))


def _consecutive(entries: Mapping[str, str]) -> int:
    """How many failures in a row take an endpoint out; raises Unreadable where the parameters don't fit."""

    def said(name: str, default: str) -> str:
        return entries.get(f"{ACCRUAL}-consecutive-{name}", default)

    longest, shortest = _duration(said("max-penalty", "60s")), _duration(said("min-penalty", "1s"))
    jitter = _decimal(said("jitter-ratio", "0.5"))
    if shortest > longest or not longest or not 0 <= jitter <= 100:
        raise Unreadable("the penalties or the jitter ratio are out of bounds")
    return _integer(said("max-failures", "7").strip(), 32)


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
        raise Unreadable("invalid digit found in string")
    if int(text) >= 1 << bits:
        raise Unreadable("number too large to fit in target type")
    return int(text)


def _decimal(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise Unreadable("invalid float literal") from None


def _optional(text: str | None) -> float | None:
    """The seconds of a duration, None for none and for zero."""
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
    if not unit and number:
        raise Unreadable(f"missing duration unit; did you mean '{number}s' or '{number}ms'?")
    if unit and unit not in _UNITS:
        raise Unreadable(f"invalid duration unit {unit} (expected one of 'ms', 's', 'm', 'h', or 'd')")
    return number * _UNITS.get(unit, 0.0)

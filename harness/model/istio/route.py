"""Istio's routing rules, in the one form that VirtualServices and Gateway API routes are brought to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.model.matching import TextMatch, query_values
from harness.model.message import UNCHANGED, HeaderChanges
from harness.model.objects import reason, selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.model.message import Message
    from harness.model.pods import Pod
    from harness.resources import Resource
    from harness.traffic.trace import Reason


@dataclass(frozen=True)
class Match:
    """The conditions of one match, all of which must hold; `gateways` is empty where any will do."""

    where: str
    uri: TextMatch | None = None
    scheme: TextMatch | None = None
    method: TextMatch | None = None
    authority: TextMatch | None = None
    headers: tuple[tuple[str, TextMatch], ...] = ()
    without_headers: tuple[tuple[str, TextMatch], ...] = ()
    query: tuple[tuple[str, TextMatch], ...] = ()
    port: int | None = None
    source_labels: Mapping[str, str] = field(default_factory=dict)
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()

    def unmet(self, message: Message, pod: Pod, port: int) -> str:
        """Returns the first condition that the request doesn't fulfil, empty if it fulfils all.

        `pod` is the one whose proxy routes, `port` the port that its listener is for.
        """
        if self.port is not None and self.port != port:
            return f"port is {port}, not {self.port}"
        if not selects(self.source_labels, pod.labels):
            return "the client lacks the sourceLabels"
        if self.source_namespace and self.source_namespace != pod.namespace:
            return f"the client isn't in {self.source_namespace}"
        texts = (
            ("uri", self.uri, message.path),
            ("scheme", self.scheme, "http"),
            ("method", self.method, message.method),
            ("authority", self.authority, message.authority),
        )
        for name, wanted, text in texts:
            if wanted is not None and not wanted.holds(text):
                return f"{name} {text!r} is not {wanted}"
        return self._unmet_headers(message) or self._unmet_query(message)

    def _unmet_headers(self, message: Message) -> str:
        for name, wanted in self.headers:
            value = message.header(name)
            if not wanted.holds(value):
                return f"header {name} is " + ("absent" if value is None else f"{value!r}, not {wanted}")
        for name, unwanted in self.without_headers:
            if unwanted.holds(message.header(name)):
                return f"header {name} {unwanted}"
        return ""

    def _unmet_query(self, message: Message) -> str:
        # Envoy looks at a parameter's first value only.
        for name, wanted in self.query:
            values = query_values(message.query, name)
            if not wanted.holds(values[0] if values else None):
                return f"query parameter {name} isn't {wanted}"
        return ""


@dataclass(frozen=True)
class Destination:
    """A share of a rule's requests: a host, which may not exist, with its subset and port."""

    field: str
    host: str
    weight: int = 1
    subset: str = ""
    port: int | None = None
    request_headers: HeaderChanges = UNCHANGED
    response_headers: HeaderChanges = UNCHANGED


@dataclass(frozen=True)
class Rewrite:
    """What becomes of path and authority.

    `match` replaces the matched prefix, or the whole path after an exact or regex match; `path`
    replaces it all; `segments` a prefix of whole segments; `regex` every match of a pattern.
    """

    mode: Literal["", "match", "path", "segments", "regex"] = ""
    path: str = ""
    pattern: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Redirect:
    """An answer that sends the client elsewhere; what is None stays as it was."""

    status: int = 301
    path: str | None = None
    prefix: str | None = None
    authority: str | None = None
    scheme: str | None = None
    port: int | None = None
    keep_port: bool = False


@dataclass(frozen=True)
class Fault:
    """Faults by the client's proxy; percentages are of requests, delays in seconds."""

    delay: float = 0.0
    delay_percent: float = 0.0
    abort_status: int = 0
    abort_grpc: int | None = None
    abort_percent: float = 0.0


@dataclass(frozen=True)
class Retries:
    """How often and upon what a request is sent again; the default of the mesh if `retry_on` is empty."""

    attempts: int = 2
    retry_on: tuple[str, ...] = ()
    per_try_timeout: float | None = None


@dataclass(frozen=True)
class Rule:
    """One routing rule; `matches` empty matches everything."""

    origin: Resource
    field: str
    matches: tuple[Match, ...] = ()
    destinations: tuple[Destination, ...] = ()
    redirect: Redirect | None = None
    direct: tuple[int, str] | None = None
    rewrite: Rewrite = Rewrite()
    fault: Fault = Fault()
    timeout: float | None = None
    retries: Retries = Retries()
    request_headers: HeaderChanges = UNCHANGED
    response_headers: HeaderChanges = UNCHANGED
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """The rule that takes a request, its match (None: it has none), and what was passed over before."""

    rule: Rule
    match: Match | None
    trace: tuple[Reason, ...]


def first_match(rules: Iterable[Rule], message: Message, pod: Pod, port: int) -> Chosen | tuple[Reason, ...]:
    """Returns the first rule that matches, or the reasons why none does; Envoy tries them in order."""
    passed: list[Reason] = []
    for rule in rules:
        if not rule.matches:
            taken = reason(rule.origin, rule.field, "has no match, so takes every request")
            return Chosen(rule, None, (*passed, taken))
        for match in rule.matches:
            unmet = match.unmet(message, pod, port)
            if not unmet:
                taken = reason(rule.origin, match.where, "is the first match that the request fulfils")
                return Chosen(rule, match, (*passed, taken))
            passed.append(reason(rule.origin, match.where, unmet, lost=True))
    return tuple(passed)

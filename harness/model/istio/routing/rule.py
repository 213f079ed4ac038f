"""Istio's routing rules, in the one form that VirtualServices and Gateway API routes are brought to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from harness.api.headers import UNCHANGED, HeaderChanges
from harness.api.istio.security import claims
from harness.api.kubernetes.selector import selects
from harness.base.matching import TextMatch, query_values
from harness.model.istio.header_lines import header_lines
from harness.model.istio.upstream.retries import DEFAULT, Retries
from harness.traffic.trace import Action, Step, Words, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.api.istio.http_rule import HTTPFaultInjection
    from harness.base.resources import Resource
    from harness.model.istio.routing.rewriting import Cors
    from harness.model.message import Message
    from harness.model.state import Pod


_EVERYWHERE = (("prefix", "/"), ("segments", "/"), ("regex", ".*"))


@dataclass(frozen=True)
class RoutingMatch:
    """The conditions of one match, all of which must hold; `gateways` is empty where any will do.

    `sni` and `subnets` are those of `tls` and `tcp` rules: the names that TLS may ask for, and the
    networks that may be dialled.
    """

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
    sni: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()

    @cached_property
    def is_for_all(self) -> bool:
        """Whether it is for all clients' proxies, and all ports."""
        return self.port is None and not (self.source_labels or self.source_namespace)

    def excluded(self, pod: Pod, port: int) -> Words | None:
        """Returns why the match isn't for this pod's proxy and port at all, None if it is.

        Where an HTTP match names gateways its sourceLabels and sourceNamespace aren't looked at
        [istio/istio: route.sourceMatchHTTP].
        """
        if self.port is not None and self.port != port:
            return words("is for port {}, not {}", self.port, port)
        return None if self.gateways else self.other_source(pod)

    def other_source(self, pod: Pod) -> Words | None:
        """Returns which condition on clients this pod doesn't fulfil, None if it fulfils all."""
        if not selects(self.source_labels, pod.labels):
            return words("{} lacks the sourceLabels", pod.workload)
        if self.source_namespace and self.source_namespace != pod.namespace:
            return words("{} isn't in {}", pod.workload, self.source_namespace)
        return None

    @cached_property
    def takes_all(self) -> bool:
        """Whether every request fulfils it [istio/istio: route.IsCatchAllRoute]."""
        everywhere = self.uri is None or (self.uri.kind, self.uri.value) in _EVERYWHERE
        of_texts, of_names = (self.scheme, self.method, self.authority), (self.headers, self.without_headers)
        return everywhere and not any((*of_texts, *of_names, self.query))

    def unmet(self, message: Message) -> str:
        """Returns the first condition that the request doesn't fulfil, empty if it fulfils all."""
        texts = (
            ("uri", self.uri, message.path),
            ("scheme", self.scheme, message.scheme),
            ("method", self.method, message.method),
            ("authority", self.authority, message.authority),
        )
        for name, wanted, text in texts:
            if wanted is not None and not wanted.holds(text):
                return f"{name} {text!r} is not {wanted}"
        return self._unmet_headers(message) or self._unmet_query(message)

    def _unmet_headers(self, message: Message) -> str:
        for name, wanted in self.headers:
            if (claim := claims.routed_by(name)) is not None:
                if not _claimed(message, claim, wanted):
                    return f"claim {'.'.join(claim)} isn't {wanted}"
                continue
            lines = header_lines(message, name)
            if not any(map(wanted.holds, lines)):
                return f"header {name} is " + (f"{lines[0]!r}, not {wanted}" if lines else "absent")
        for name, unwanted in self.without_headers:
            if (claim := claims.routed_by(name)) is not None:
                if _claimed(message, claim, unwanted):
                    return f"claim {'.'.join(claim)} is {unwanted}"
                continue
            # Unless presence is asked for, a header that is absent counts as empty.
            lines = header_lines(message, name) or ([] if unwanted.kind == "present" else [""])
            if any(map(unwanted.holds, lines)):
                return f"header {name} is {unwanted}"
        return ""

    def _unmet_query(self, message: Message) -> str:
        # Envoy looks at a parameter's first value only.
        for name, wanted in self.query:
            values = query_values(message.query, name)
            if not wanted.holds(values[0] if values else None):
                return f"query parameter {name} isn't {wanted}"
        return ""


def _claimed(message: Message, claim: tuple[str, ...], wanted: TextMatch) -> bool:
    """Whether the verified token, if there is one, has such a claim."""
    stated = message.verified.claims if message.verified else None
    return any(wanted.holds(text) for text in claims.texts(stated, claim))


@dataclass(frozen=True)
class RoutingDestination:
    """A share of a rule's requests: a host, subset and port; `invalid` says why it leads nowhere, if so."""

    field: str
    host: str
    weight: int = 1
    subset: str = ""
    port: int | None = None
    request_headers: HeaderChanges = UNCHANGED
    response_headers: HeaderChanges = UNCHANGED
    invalid: str = ""


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
    """An answer that leads elsewhere; None leaves as it was, `prefix` replaces what was matched of a path."""

    status: int = 301
    path: str | None = None
    prefix: str | None = None
    authority: str | None = None
    scheme: str | None = None
    port: int | None = None
    keep_port: bool = False


@dataclass(frozen=True)
class Mirror:
    """Where copies of requests go, and of how many percent of them."""

    destination: RoutingDestination
    percent: float = 100.0

    def __str__(self) -> str:
        share = f" ({self.percent:g} % of requests)" if self.percent < 100 else ""
        return f"{self.destination.host}{share}"


@dataclass(frozen=True)
class RoutingRule:
    """One routing rule; `matches` empty matches everything. `via` tells who delegated to it."""

    origin: Resource
    field: str
    matches: tuple[RoutingMatch, ...] = ()
    destinations: tuple[RoutingDestination, ...] = ()
    redirect: Redirect | None = None
    direct: tuple[int, str] | None = None
    rewrite: Rewrite = Rewrite()
    fault: HTTPFaultInjection | None = None
    timeout: float | None = None
    retries: Retries = DEFAULT
    request_headers: HeaderChanges = UNCHANGED
    response_headers: HeaderChanges = UNCHANGED
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None
    via: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """The rule that takes a request, its match (None: it has none), and what was passed over before."""

    rule: RoutingRule
    match: RoutingMatch | None
    trace: tuple[Step, ...]


def applicable(
    rules: Sequence[RoutingRule], pod: Pod, port: int
) -> tuple[tuple[RoutingRule, ...], list[Step]]:
    """Returns the rules that this pod's proxy gets for a port, with one match each, and why others aren't.

    A match for another port, other clients or another namespace isn't sent to the proxy; what
    comes after a rule that takes every request isn't either.
    """
    kept: list[RoutingRule] = []
    lost: list[Step] = []
    for index, rule in enumerate(rules):
        for match in rule.matches:
            why = None if match.is_for_all else match.excluded(pod, port)
            if why:
                lost.append(step(rule.origin, match.where, Action.HIDDEN, "{}", why))
                continue
            kept.append(rule if len(rule.matches) == 1 else replace(rule, matches=(match,)))
            if match.takes_all:
                return tuple(kept), lost + _shadowed(match.where, rules[index + 1 :])
        if not rule.matches:
            return (*kept, rule), lost + _shadowed(rule.field, rules[index + 1 :])
    return tuple(kept), lost


def _shadowed(where: str, rules: Sequence[RoutingRule]) -> list[Step]:
    text = "comes after {}, which takes every request: the proxy doesn't get it"
    return [step(rule.origin, rule.field, Action.OUTRANKED, text, where) for rule in rules]


def first_match(rules: Iterable[RoutingRule], message: Message) -> Chosen | tuple[Step, ...]:
    """Returns the first rule that matches, or the reasons why none does; Envoy tries them in order."""
    passed: list[Step] = []
    for rule in rules:
        if not rule.matches:
            taken = step(rule.origin, rule.field, Action.MATCHED, "has no match, so takes every request")
            return Chosen(rule, None, (*passed, *rule.via, taken))
        for match in rule.matches:
            unmet = match.unmet(message)
            if not unmet:
                text = "is the first match that the request fulfils"
                taken = step(rule.origin, match.where, Action.MATCHED, text)
                return Chosen(rule, match, (*passed, *rule.via, taken))
            passed.append(step(rule.origin, match.where, Action.UNMATCHED, "{}", unmet))
    return tuple(passed)

"""What Istio's webhook refuses of a VirtualService's HTTP rules, in its words."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from harness.api.istio.admission import forms, headers, http_matches
from harness.api.istio.admission.http_matches import expression_faults, is_refused, refuse_expressions
from harness.api.istio.destination import Destination, Headers
from harness.api.istio.formats import VARIABLE, variables
from harness.api.istio.http_rule import (
    CorsPolicy,
    FaultDelay,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPRetry,
    HTTPRewrite,
    HTTPRule,
)
from harness.api.refusal import Fault, about, each
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.grpc import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.destination import RouteDestination
    from harness.api.istio.http_rule import HTTPRedirect
    from harness.api.refusal import Rules

MAX_ATTEMPTS = 20
"""Tries that the model follows one by one."""

_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream "
    "retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure "
    "cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
_STATUSES = frozenset(map(int, HTTPStatus))
_LARGEST_BODY = 1 << 20
_REDIRECT_CODES = (301, 302, 303, 307, 308)
_OWN_ANSWERS = {"redirect": "redirect", "directResponse": "direct_response"}


def refuse(rule: HTTPRule) -> None:
    """Raises NotModelledError for what a cluster would take of a rule and the model doesn't decide on."""
    if rule.has("retries") and (rule.retries.attempts or 0) > MAX_ATTEMPTS:
        raise not_modelled(rule.resource, rule.retries.at("attempts"), f"more than {MAX_ATTEMPTS}")
    if rule.has("rewrite"):
        regex = rule.rewrite.uri_regex_rewrite
        fault = expressions.substitution_fault(regex.match, regex.rewrite)
        if fault and not is_refused(regex.match):
            raise not_modelled(rule.resource, regex.path, f"Envoy doesn't take it: {fault.why}")
    status = rule.redirect.status if rule.has("redirect") else 301
    if 300 <= status < 400 and status not in _REDIRECT_CODES:
        why = "Istio makes a rule without action of it, and Envoy then refuses all routes of the port"
        raise not_modelled(rule.resource, rule.redirect.at("redirectCode"), why)
    refuse_expressions(rule)
    changed = (rule.headers, *(part.headers for part in rule.route))
    for operations in (side for part in changed for side in (part.request, part.response)):
        if name := next(variables(operations.changes), None):
            raise not_modelled(operations.resource, operations.path, f"{name}: {VARIABLE}")


def conflicts(rule: HTTPRule, *, delegate: bool) -> Iterator[str]:
    """Yields which parts of a rule exclude each other; `delegate`: its VirtualService has no hosts."""
    if rule.has("delegate") and not delegate:
        for name in ("redirect", "route"):
            if rule.route if name == "route" else rule.has(name):
                yield Fault(f"root HTTP route {rule.name} must not specify {name}", rule.at(name))
        return
    if rule.has("delegate"):
        yield Fault("delegate HTTP route cannot contain delegate", rule.at("delegate"))
    own = [word for key, word in _OWN_ANSWERS.items() if rule.has(key)]
    for name, words in (("route", "HTTP route"), ("fault", "HTTP route"), ("rewrite", "HTTP route rule")):
        if own and (rule.route if name == "route" else rule.has(name)):
            yield Fault(f"{words} cannot contain both {name} and {own[0]}", rule.at(name))
    if len(own) > 1:
        words = "HTTP route rule cannot contain both direct_response and redirect"
        yield Fault(words, rule.at("directResponse"))
    if not own and not rule.route:
        yield "HTTP route, redirect or direct_response is required"
    if rule.has("mirror") and rule.mirrors:
        yield Fault("HTTP route cannot contain both mirror and mirrors", rule.at("mirrors"))


def _rule(rule: HTTPRule) -> Iterator[str]:
    yield from _mirrors(rule)
    if rule.has("redirect"):
        yield from about(rule.redirect.path, _redirect(rule.redirect, rule))
    yield from _authorities(rule)
    yield from about(rule.at("route"), weight_faults(rule.route))


def _answer(answer: HTTPDirectResponse) -> Iterator[str]:
    yield from about(answer.at("status"), _status(answer.status))
    if len(answer.body.content.encode()) > _LARGEST_BODY:
        words = "large direct_responses may impact control plane performance, must be less than 1MB"
        yield Fault(words, answer.at("body"))


def _status(status: int | None) -> Iterator[str]:
    if status is not None and not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"


def weight_faults(route: tuple[RouteDestination, ...]) -> Iterator[str]:
    """Yields what is wrong with the destinations of a rule of any kind."""
    weights = [part.weight or 0 for part in route]
    for part, weight in zip(route, weights, strict=True):
        if weight < 0:
            yield Fault(f"weight {weight} < 0", part.at("weight"))
    if len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"


def _cors(policy: CorsPolicy) -> Iterator[str]:
    for origin in policy.allow_origins:
        if not (origin.exact or origin.prefix or origin.regex):
            yield Fault("'' is not a valid match type for CORS allow origins", origin.path)
        elif origin.has("regex"):
            yield from about(origin.at("regex"), expression_faults("corsPolicy.allowOrigins", origin.regex))
    for key, names in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for index, name in enumerate(names):
            if words := headers.listed_name(name):
                yield Fault(words, policy.entry(key, index))
    methods = "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE *".split()
    for index, method in enumerate(policy.allow_methods):
        if method not in methods:
            yield Fault(f'"{method}" is not a supported HTTP method', policy.entry("allowMethods", index))
    if policy.max_age is not None and policy.max_age % 1:
        yield Fault("max_age duration is accurate only to seconds precision", policy.at("maxAge"))


def _fault(fault: HTTPFaultInjection) -> Iterator[str]:
    delay, abort = fault.delay, fault.abort
    if not fault.has("delay") and not fault.has("abort"):
        yield "HTTP fault injection must have an abort and/or a delay"
    for part in (abort, delay):
        percent = part.percentage.value or 0
        if not (percent == 0 or 0.0001 <= percent <= 100):
            words = f"percentage {percent:g} is neither 0.0, nor in range [0.0001, 100.0]"
            yield Fault(words, part.percentage.at("value"))
    if delay.has("exponentialDelay"):
        yield Fault("exponentialDelay not supported yet", delay.at("exponentialDelay"))
    if abort.has("http2Error"):
        yield Fault("HTTP/2 abort fault injection not supported yet", abort.at("http2Error"))
    yield from about(abort.at("httpStatus"), _status(abort.http_status))
    if abort.has("grpcStatus") and abort.grpc_status not in STATUSES:
        yield Fault(
            f'gRPC status "{abort.grpc_status}" is not supported. See '
            "https://github.com/grpc/grpc/blob/master/doc/statuscodes.md for a list of supported codes, "
            "for example 'NOT_FOUND'",
            abort.at("grpcStatus"),
        )


def _mirrors(rule: HTTPRule) -> Iterator[str]:
    if (rule.mirror_percent or 0) > 100:
        words = f"mirror_percent must have a max value of 100 (it has {rule.mirror_percent})"
        yield Fault(words, rule.at("mirrorPercent"))
    shares = [("mirror_percentage", rule.mirror_percentage)] if rule.has("mirrorPercentage") else []
    shares += [("mirror percentage", policy.percentage) for policy in rule.mirrors]
    for name, share in shares:
        value = share.value or 0
        if value > 100:
            yield Fault(f"{name} must have a max value of 100 (it has {value:f})", share.at("value"))
        if value < 0:
            yield Fault(f"{name} must have a min value of 0 (it has {value:f})", share.at("value"))


def _redirect(redirect: HTTPRedirect, rule: HTTPRule) -> Iterator[str]:
    uris = [match.uri for match in rule.matches if match.has("uri")]
    code = redirect.redirect_code
    if redirect.uri and redirect.prefix_rewrite:
        words = "redirect may only specify one of uri or prefix_rewrite"
        yield Fault(words, redirect.at("prefixRewrite"))
    elif redirect.prefix_rewrite and not all(uri.has("prefix") for uri in uris):
        words = "redirect prefix_rewrite requires all URI matches to use prefix match type"
        yield Fault(words, redirect.at("prefixRewrite"))
    elif not (redirect.has("port") or redirect.has("derivePort")) and not any(
        map(redirect.data.get, ("uri", "prefixRewrite", "authority", "scheme"))
    ):
        yield "redirect must specify URI, authority, scheme, or port"
    elif code and not 300 <= code <= 399:
        yield Fault(f"{code} is not a valid redirect code, must be 3xx", redirect.at("redirectCode"))
    elif redirect.scheme not in ("", "http", "https"):
        yield Fault('invalid redirect scheme, must be "http" or "https"', redirect.at("scheme"))
    elif redirect.port and (words := forms.port(redirect.port)):
        yield Fault(words, redirect.at("port"))


def _retries(retries: HTTPRetry) -> Iterator[str]:
    attempts = retries.attempts or 0
    if attempts < 0:
        yield Fault("attempts cannot be negative", retries.at("attempts"))
    if attempts == 0 and any(map(retries.has, ("perTryTimeout", "retryOn", "retryRemoteLocalities"))):
        words = "http retry policy configured when attempts are set to 0 (disabled)"
        yield Fault(words, retries.at("attempts"))
    for policy in retries.retry_on.split(",") if retries.retry_on else ():
        if policy not in _RETRY_ON and not (policy.isdigit() and int(policy) in _STATUSES):
            yield Fault(f'"{policy}" is not a valid retryOn policy', retries.at("retryOn"))


def _rewrite(rewrite: HTTPRewrite) -> Iterator[str]:
    regex, has_regex = rewrite.uri_regex_rewrite, rewrite.has("uriRegexRewrite")
    if rewrite.uri and has_regex:
        yield Fault("rewrite may only contain one of URI or UriRegexRewrite", regex.path)
    elif not (rewrite.uri or has_regex or rewrite.authority):
        yield (
            "rewrite must specify at least one of URI, UriRegexRewrite, or authority. "
            "Only one of URI or UriRegexRewrite may be specified"
        )
    elif has_regex and not (regex.match and regex.rewrite):
        yield Fault(
            "UriRegexRewrite has errors\n"
            "UriRegexRewrite requires both Rewrite and Match fields to be specified",
            regex.path,
        )
    elif has_regex:
        for words in expression_faults("HTTPRewrite.UriRegexRewrite.Match", regex.match):
            yield Fault(f"UriRegexRewrite has errors\n{words}", regex.at("match"))


def _authorities(rule: HTTPRule) -> Iterator[str]:
    request = rule.headers.request
    named = [(rule.rewrite.at("authority"), rule.rewrite.authority)]
    named += [
        (f"{request.at(key)}.{name}", value)
        for key, entries in (("set", request.set), ("add", request.add))
        for name, value in entries.items()
        if name.lower() in ("host", ":authority")
    ]
    (_, first), *others = [(field, value) for field, value in named if value] or [("", "")]
    for field, value in others[:1]:
        words = f'authority header cannot be set multiple times: have "{first}", attempting to set "{value}"'
        yield Fault(words, field)


def _port(destination: Destination) -> Iterator[str]:
    if destination.has("port") and (words := forms.port(destination.port.number or 0)):
        yield Fault(words, destination.port.at("number"))
    if destination.subset and (words := forms.subset(destination.subset)):
        yield Fault(words, destination.at("subset"))


RULES: Rules = {
    **http_matches.RULES,
    HTTPRule: (_rule, each(forms.limit, "timeout")),
    Headers: (headers.changes,),
    CorsPolicy: (each(forms.limit, "maxAge"), _cors),
    HTTPFaultInjection: (_fault,),
    FaultDelay: (each(forms.limit, "fixedDelay", "exponentialDelay"),),
    HTTPDirectResponse: (_answer,),
    HTTPRetry: (_retries, each(forms.limit, "perTryTimeout", "backoff")),
    HTTPRewrite: (_rewrite,),
    Destination: (each(forms.destination_host, "host"), _port),
}
"""What the webhook asks of rules and their parts; what excludes what is asked beside (`conflicts`)."""

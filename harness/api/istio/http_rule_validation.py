"""What Istio's webhook refuses of a VirtualService's HTTP rules, in its words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.refusal import Fault, about
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect
from harness.base.grpc import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.destination import RouteDestination
    from harness.api.istio.http_rule import (
        CorsPolicy,
        HTTPFaultInjection,
        HTTPMatchRequest,
        HTTPRedirect,
        HTTPRetry,
        HTTPRewrite,
        HTTPRule,
        StringMatch,
    )

MAX_ATTEMPTS = 20
"""Tries that the model follows one by one."""

_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream "
    "retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure "
    "cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
_LONGEST_EXPRESSION = 1024
_REDIRECT_CODES = (301, 302, 303, 307, 308)
_TEXTS = ("scheme", "method", "authority")
_OWN_ANSWERS = {"redirect": "redirect", "directResponse": "direct_response"}


def refuse(rule: HTTPRule) -> None:
    """Raises NotModelledError for what a cluster would take of a rule and the model doesn't decide on."""
    if rule.has("retries") and (rule.retries.attempts or 0) > MAX_ATTEMPTS:
        raise not_modelled(rule.resource, rule.retries.at("attempts"), f"more than {MAX_ATTEMPTS}")
    if rule.has("rewrite"):
        regex = rule.rewrite.uri_regex_rewrite
        fault = expressions.substitution_fault(regex.match, regex.rewrite)
        if fault and not _refused(regex.match):
            raise not_modelled(rule.resource, regex.path, f"Envoy doesn't take it: {fault.why}")
    status = rule.redirect.status if rule.has("redirect") else 301
    if 300 <= status < 400 and status not in _REDIRECT_CODES:
        why = "Istio makes a rule without action of it, and Envoy then refuses all routes of the port"
        raise not_modelled(rule.resource, rule.redirect.at("redirectCode"), why)
    texts = [match.uri for match in rule.matches if match.has("uri")]
    texts += [text for match in rule.matches for _, text in _texts(match)]
    texts += rule.cors_policy.allow_origins if rule.has("corsPolicy") else ()
    for text in texts:
        fault = expressions.fault(text.regex, Dialect.RE2) if text.has("regex") else None
        if fault and not _refused(text.regex):
            raise not_modelled(rule.resource, text.at("regex"), f"Envoy doesn't take it: {fault.why}")


def _texts(match: HTTPMatchRequest) -> Iterator[tuple[str, StringMatch]]:
    """The conditions of a match on texts but its path, each with its field's name."""
    yield from ((name, getattr(match, name)) for name in _TEXTS if match.has(name))
    yield from (("headers", text) for text in match.headers.values())
    # A lone asterisk is no expression there.
    yield from (("withoutHeaders", text) for text in match.without_headers.values() if text.regex != "*")
    yield from (("queryParams", text) for text in match.query_params.values())


def _refused(pattern: str) -> bool:
    return any(_expression("", pattern))


def faults(rule: HTTPRule, *, delegate: bool) -> Iterator[str]:
    """Yields what is wrong with a rule; `delegate` says that its VirtualService has no hosts."""
    yield from _conflicts(rule, delegate=delegate)
    for match in rule.matches:
        for name, text in _texts(match):
            if text.has("prefix") and not text.prefix:
                yield Fault(f'"{name}": prefix string match should not be empty', text.at("prefix"))
            if text.has("regex"):
                yield from about(text.at("regex"), _expression(name, text.regex))
        if match.has("uri") and match.uri.has("regex"):
            yield from about(match.uri.at("regex"), _expression("uri", match.uri.regex))
    if rule.has("corsPolicy"):
        yield from _cors(rule.cors_policy)
    if rule.has("fault"):
        yield from about(rule.fault.path, _fault(rule.fault))
    yield from _mirrors(rule)
    if rule.has("redirect"):
        yield from about(rule.redirect.path, _redirect(rule.redirect, rule))
    if rule.has("directResponse"):
        yield from about(rule.direct_response.at("status"), _status(rule.direct_response.status))
    if rule.has("retries"):
        yield from _retries(rule.retries)
    if rule.has("rewrite"):
        yield from about(rule.rewrite.path, _rewrite(rule.rewrite))
    if rule.has("rewrite") or rule.has("headers"):
        yield from _authorities(rule)
    yield from about(rule.at("route"), weight_faults(rule.route))


def _status(status: int | None) -> Iterator[str]:
    if status is not None and not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"


def weight_faults(route: tuple[RouteDestination, ...]) -> Iterator[str]:
    """Yields what is wrong with the destinations of a rule of any kind."""
    weights = [part.weight or 0 for part in route]
    anywhere = [part.destination for part in route if part.destination.host == "*"]
    if anywhere:
        yield Fault("invalid destination host *", anywhere[0].at("host"))
    negative = [part for part in route if (part.weight or 0) < 0]
    if negative:
        yield Fault("weight must be non-negative", negative[0].at("weight"))
    elif len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"


def _conflicts(rule: HTTPRule, *, delegate: bool) -> Iterator[str]:
    written = rule.data.get  # an empty part is as good as none
    if written("delegate") and not delegate:
        for name in ("redirect", "route"):
            if written(name):
                yield Fault(f"root HTTP route {rule.name} must not specify {name}", rule.at(name))
        return
    if written("delegate"):
        yield Fault("delegate HTTP route cannot contain delegate", rule.at("delegate"))
    own = [word for key, word in _OWN_ANSWERS.items() if written(key)]
    for name, words in (("route", "HTTP route"), ("fault", "HTTP route"), ("rewrite", "HTTP route rule")):
        if own and written(name):
            yield Fault(f"{words} cannot contain both {name} and {own[0]}", rule.at(name))
    if len(own) > 1:
        words = "HTTP route rule cannot contain both direct_response and redirect"
        yield Fault(words, rule.at("directResponse"))
    if not own and not written("route"):
        yield "HTTP route, redirect or direct_response is required"
    if written("mirror") and written("mirrors"):
        yield Fault("HTTP route cannot contain both mirror and mirrors", rule.at("mirrors"))


def _expression(where: str, pattern: str) -> Iterator[str]:
    """What is wrong with a regular expression, which Istio reads by Go's library."""
    if not pattern:
        yield f'"{where}": regex string match should not be empty'
    elif len(pattern.encode()) > _LONGEST_EXPRESSION:
        yield f'"{where}": regex is too large, max length allowed is {_LONGEST_EXPRESSION}'
    elif (fault := expressions.fault(pattern, Dialect.GO)) and fault.refused:
        syntax = "https://github.com/google/re2/wiki/Syntax"
        yield f'"{where}": {fault.why}; Istio uses RE2 style regex-based match ({syntax})'


def _cors(policy: CorsPolicy) -> Iterator[str]:
    for origin in policy.allow_origins:
        if not (origin.exact or origin.prefix or origin.regex):
            yield Fault("'' is not a valid match type for CORS allow origins", origin.path)
        elif origin.has("regex"):
            yield from about(origin.at("regex"), _expression("corsPolicy.allowOrigins", origin.regex))
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
    if not 0 <= (delay.percent or 0) <= 100:
        yield Fault(f"percentage {delay.percent} is not in range 0..100", delay.at("percent"))
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
    uris = [match.uri for match in rule.matches if match.uri]
    code = redirect.redirect_code
    if redirect.uri and redirect.prefix_rewrite:
        words = "redirect may only specify one of uri or prefix_rewrite"
        yield Fault(words, redirect.at("prefixRewrite"))
    elif redirect.prefix_rewrite and not all(uri.has("prefix") for uri in uris):
        words = "redirect prefix_rewrite requires all URI matches to use prefix match type"
        yield Fault(words, redirect.at("prefixRewrite"))
    elif not any(value for key, value in redirect.data.items() if key != "redirectCode"):
        yield "redirect must specify URI, authority, scheme, or port"
    elif code and not 300 <= code <= 399:
        yield Fault(f"{code} is not a valid redirect code, must be 3xx", redirect.at("redirectCode"))
    elif redirect.scheme not in ("", "http", "https"):
        yield Fault('invalid redirect scheme, must be "http" or "https"', redirect.at("scheme"))


def _retries(retries: HTTPRetry) -> Iterator[str]:
    attempts = retries.attempts or 0
    if attempts < 0:
        yield Fault("attempts cannot be negative", retries.at("attempts"))
    if attempts == 0 and any(map(retries.has, ("perTryTimeout", "retryOn", "retryRemoteLocalities"))):
        words = "http retry policy configured when attempts are set to 0 (disabled)"
        yield Fault(words, retries.at("attempts"))
    for policy in retries.retry_on.split(",") if retries.retry_on else ():
        if policy not in _RETRY_ON and not re.fullmatch("[1-5][0-9][0-9]", policy):
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
        for words in _expression("HTTPRewrite.UriRegexRewrite.Match", regex.match):
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

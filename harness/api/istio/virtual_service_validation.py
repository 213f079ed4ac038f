"""What Istio's webhook refuses of VirtualServices, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from harness.api.istio import claims
from harness.api.istio.hosts import MESH, covers, within
from harness.api.objects import Fields, spec_of
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect
from harness.base.grpc import STATUSES
from harness.base.networks import is_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

MAX_ATTEMPTS = 20
"""Tries that the model follows one by one."""

_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream "
    "retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure "
    "cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
_LONGEST_EXPRESSION = 1024
_REDIRECT_CODES = (301, 302, 303, 307, 308)
_OWN_ANSWERS = {"redirect": "redirect", "directResponse": "direct_response"}


def refuse(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take of one and the model doesn't decide on."""
    for index, rule in enumerate(spec_of(resource).get("http") or ()):
        _refuse_rule(resource, f"spec.http[{index}]", rule)


def _refuse_rule(resource: Resource, field: str, rule: Fields) -> None:
    if (rule.get("retries") or {}).get("attempts", 0) > MAX_ATTEMPTS:
        raise not_modelled(resource, f"{field}.retries.attempts", f"more than {MAX_ATTEMPTS}")
    regex = (rule.get("rewrite") or {}).get("uriRegexRewrite") or {}
    fault = expressions.substitution_fault(regex.get("match", ""), regex.get("rewrite", ""))
    if fault and not _refused(regex.get("match", "")):
        where = f"{field}.rewrite.uriRegexRewrite"
        raise not_modelled(resource, where, f"Envoy doesn't take it: {fault.why}")
    code = (rule.get("redirect") or {}).get("redirectCode", 301)
    if 300 <= code < 400 and code not in _REDIRECT_CODES:
        why = "Istio makes a rule without action of it, and Envoy then refuses all routes of the port"
        raise not_modelled(resource, f"{field}.redirect.redirectCode", why)
    origins = (rule.get("corsPolicy") or {}).get("allowOrigins") or ()
    texts = [(f"corsPolicy.allowOrigins[{index}]", text) for index, text in enumerate(origins)]
    for index, match in enumerate(rule.get("match") or ()):
        texts += ((f"match[{index}].{where}", text) for where, text in _texts(match))
    for where, text in texts:
        fault = expressions.fault(text.get("regex") or "", Dialect.RE2)
        if fault and not _refused(text["regex"]):
            raise not_modelled(resource, f"{field}.{where}.regex", f"Envoy doesn't take it: {fault.why}")


def _texts(match: Fields) -> Iterator[tuple[str, Fields]]:
    """The conditions of a match on texts, and their fields; `*` alone is no expression there."""
    for part in ("uri", "scheme", "method", "authority"):
        if match.get(part):
            yield part, match[part]
    for part in ("headers", "withoutHeaders", "queryParams"):
        for name, text in (match.get(part) or {}).items():
            if text and not (part == "withoutHeaders" and text.get("regex") == "*"):
                yield f"{part}.{name}", text


def _refused(pattern: str) -> bool:
    return any(_expression("", pattern))


def faults(spec: Fields) -> Iterator[str]:
    """Yields what is wrong with a VirtualService."""
    hosts, bound = spec.get("hosts") or [], spec.get("gateways") or []
    if not hosts:
        for part, what in (("gateways", "gateways"), ("tls", "tls route"), ("tcp", "tcp route")):
            if spec.get(part):
                yield f"delegate virtual service must have no {what} specified"
    if not bound or MESH in bound:
        yield from _claims(spec)
    if "*" in hosts and (not bound or MESH in bound):
        yield "wildcard host * is not allowed for virtual services bound to the mesh gateway"
    else:
        for one, other in combinations(hosts, 2):
            if covers(one, other) or covers(other, one):
                yield f"duplicate hosts in virtual service: {one} & {other}"
    if not any(spec.get(part) for part in ("http", "tcp", "tls")):
        yield "http, tcp or tls must be provided in virtual service"
    for rule in spec.get("http") or ():
        yield from _http_rule(rule or {}, delegate=not hosts)
    for rule in spec.get("tls") or ():
        yield from _tls_rule(rule or {}, hosts)
    for rule in spec.get("tcp") or ():
        yield from _subnets(rule or {})
        yield from _destinations(rule or {}, "TCP")
    exported = spec.get("exportTo") or []
    for one, times in Counter(exported).items():
        if times > 1:
            yield f"duplicate entries in exportTo for entry {one}"
    if "*" in exported and len(exported) > 1:
        yield "cannot have both public (*) and non-public exportTo values for a resource"


def _claims(spec: Fields) -> Iterator[str]:
    """Sidecars don't verify tokens before they route."""
    for rule in spec.get("http") or ():
        for match in rule.get("match") or ():
            for name in (*(match.get("headers") or ()), *(match.get("withoutHeaders") or ())):
                if claims.routed_by(name) is not None:
                    yield (
                        f"JWT claim based routing (key: {name}) is only supported for gateway, "
                        f"found no gateways: [{' '.join(spec.get('gateways') or ())}]"
                    )


def _http_rule(rule: Fields, *, delegate: bool) -> Iterator[str]:
    yield from _conflicts(rule, delegate=delegate)
    for match in rule.get("match") or ():
        for part in ("scheme", "method", "authority"):
            yield from _text(part, match.get(part))
        for part in ("headers", "withoutHeaders", "queryParams"):
            for text in (match.get(part) or {}).values():
                if part != "withoutHeaders" or text != {"regex": "*"}:  # which isn't read as an expression
                    yield from _text(part, text)
        if "regex" in (uri := match.get("uri") or {}):
            yield from _expression("uri", uri["regex"])
    yield from _cors(rule.get("corsPolicy") or {})
    yield from _fault(rule.get("fault"))
    yield from _mirrors(rule)
    yield from _redirect(rule.get("redirect"), rule)
    status = (rule.get("directResponse") or {}).get("status", 200)
    if not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"
    yield from _retries(rule.get("retries") or {})
    yield from _rewrite(rule)
    yield from _weights(rule.get("route") or [])


def _conflicts(rule: Fields, *, delegate: bool) -> Iterator[str]:
    if rule.get("delegate") and not delegate:
        for name in ("redirect", "route"):
            if rule.get(name):
                yield f"root HTTP route {rule.get('name', '')} must not specify {name}"
        return
    if rule.get("delegate"):
        yield "delegate HTTP route cannot contain delegate"
    own = [word for name, word in _OWN_ANSWERS.items() if rule.get(name)]
    for name, words in (("route", "HTTP route"), ("fault", "HTTP route"), ("rewrite", "HTTP route rule")):
        if own and rule.get(name):
            yield f"{words} cannot contain both {name} and {own[0]}"
    if len(own) > 1:
        yield "HTTP route rule cannot contain both direct_response and redirect"
    if not own and not rule.get("route"):
        yield "HTTP route, redirect or direct_response is required"
    if rule.get("mirror") and rule.get("mirrors"):
        yield "HTTP route cannot contain both mirror and mirrors"


def _text(where: str, text: Fields | None) -> Iterator[str]:
    text = text or {}
    if text.get("prefix") == "":
        yield f'"{where}": prefix string match should not be empty'
    if "regex" in text:
        yield from _expression(where, text["regex"])


def _expression(where: str, pattern: str) -> Iterator[str]:
    """What is wrong with a regular expression, which Istio reads by Go's library."""
    if not pattern:
        yield f'"{where}": regex string match should not be empty'
    elif len(pattern.encode()) > _LONGEST_EXPRESSION:
        yield f'"{where}": regex is too large, max length allowed is {_LONGEST_EXPRESSION}'
    elif (fault := expressions.fault(pattern, Dialect.GO)) and fault.refused:
        syntax = "https://github.com/google/re2/wiki/Syntax"
        yield f'"{where}": {fault.why}; Istio uses RE2 style regex-based match ({syntax})'


def _cors(policy: Fields) -> Iterator[str]:
    for origin in policy.get("allowOrigins") or ():
        if not any(origin.values()):
            yield "'' is not a valid match type for CORS allow origins"
        elif "regex" in origin:
            yield from _expression("corsPolicy.allowOrigins", origin["regex"])
    methods = "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE *".split()
    for method in policy.get("allowMethods") or ():
        if method not in methods:
            yield f'"{method}" is not a supported HTTP method'
    if re.search(r"\.\d*[1-9]\d*s|\d(ms|us|ns)", policy.get("maxAge") or ""):
        yield "max_age duration is accurate only to seconds precision"


def _fault(fault: Fields | None) -> Iterator[str]:
    if fault is None:
        return
    delay, abort = fault.get("delay") or {}, fault.get("abort") or {}
    if "delay" not in fault and "abort" not in fault:
        yield "HTTP fault injection must have an abort and/or a delay"
    for part in (abort, delay):
        percent = (part.get("percentage") or {}).get("value", 0)
        if not (percent == 0 or 0.0001 <= percent <= 100):
            yield f"percentage {percent} is neither 0.0, nor in range [0.0001, 100.0]"
    if not 0 <= delay.get("percent", 0) <= 100:
        yield f"percentage {delay['percent']} is not in range 0..100"
    if "exponentialDelay" in delay:
        yield "exponentialDelay not supported yet"
    if "http2Error" in abort:
        yield "HTTP/2 abort fault injection not supported yet"
    status, grpc = abort.get("httpStatus", 200), abort.get("grpcStatus", "OK")
    if not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"
    if grpc not in STATUSES:
        yield (
            f'gRPC status "{grpc}" is not supported. See https://github.com/grpc/grpc/blob/master/doc/'
            "statuscodes.md for a list of supported codes, for example 'NOT_FOUND'"
        )


def _mirrors(rule: Fields) -> Iterator[str]:
    if rule.get("mirrorPercent", 0) > 100:
        yield f"mirror_percent must have a max value of 100 (it has {rule['mirrorPercent']})"
    shares = [("mirror_percentage", rule.get("mirrorPercentage"))]
    shares += [("mirror percentage", mirror.get("percentage")) for mirror in rule.get("mirrors") or ()]
    for name, share in shares:
        value = (share or {}).get("value", 0)
        if value > 100:
            yield f"{name} must have a max value of 100 (it has {value:f})"
        if value < 0:
            yield f"{name} must have a min value of 0 (it has {value:f})"


def _redirect(redirect: Fields | None, rule: Fields) -> Iterator[str]:
    if redirect is None:
        return
    uris = [match["uri"] for match in rule.get("match") or () if match.get("uri")]
    code = redirect.get("redirectCode", 0)
    if redirect.get("uri") and redirect.get("prefixRewrite"):
        yield "redirect may only specify one of uri or prefix_rewrite"
    elif redirect.get("prefixRewrite") and any("prefix" not in uri for uri in uris):
        yield "redirect prefix_rewrite requires all URI matches to use prefix match type"
    elif not any(redirect.get(key) for key in redirect if key != "redirectCode"):
        yield "redirect must specify URI, authority, scheme, or port"
    elif code and not 300 <= code <= 399:
        yield f"{code} is not a valid redirect code, must be 3xx"
    elif redirect.get("scheme") not in (None, "", "http", "https"):
        yield 'invalid redirect scheme, must be "http" or "https"'


def _retries(retries: Fields) -> Iterator[str]:
    attempts = retries.get("attempts", 0)
    if attempts < 0:
        yield "attempts cannot be negative"
    if attempts == 0 and {"perTryTimeout", "retryOn", "retryRemoteLocalities"} & retries.keys():
        yield "http retry policy configured when attempts are set to 0 (disabled)"
    retry_on = retries.get("retryOn")
    for policy in retry_on.split(",") if retry_on else ():
        if policy not in _RETRY_ON and not re.fullmatch("[1-5][0-9][0-9]", policy):
            yield f'"{policy}" is not a valid retryOn policy'


def _rewrite(rule: Fields) -> Iterator[str]:
    rewrite = rule.get("rewrite")
    if rewrite is not None:
        regex = rewrite.get("uriRegexRewrite")
        if rewrite.get("uri") and regex is not None:
            yield "rewrite may only contain one of URI or UriRegexRewrite"
        elif not rewrite.get("uri") and regex is None and not rewrite.get("authority"):
            yield (
                "rewrite must specify at least one of URI, UriRegexRewrite, or authority. "
                "Only one of URI or UriRegexRewrite may be specified"
            )
        elif regex is not None and not (regex.get("match") and regex.get("rewrite")):
            yield (
                "UriRegexRewrite has errors\n"
                "UriRegexRewrite requires both Rewrite and Match fields to be specified"
            )
        elif regex is not None:
            for words in _expression("HTTPRewrite.UriRegexRewrite.Match", regex["match"]):
                yield f"UriRegexRewrite has errors\n{words}"
    request = (rule.get("headers") or {}).get("request") or {}
    said = [(rewrite or {}).get("authority") or ""]
    said += [
        value
        for part in ("set", "add")
        for name, value in (request.get(part) or {}).items()
        if name.lower() in ("host", ":authority")
    ]
    said = [value for value in said if value]
    if len(said) > 1:
        yield (
            f'authority header cannot be set multiple times: have "{said[0]}", attempting to set "{said[1]}"'
        )


def _tls_rule(rule: Fields, hosts: list[str]) -> Iterator[str]:
    if not rule.get("match"):
        yield "TLS route must have at least one match condition"
    for match in rule.get("match") or ():
        if not match.get("sniHosts"):
            yield "TLS match must have at least one SNI host"
        for sni in match.get("sniHosts") or ():
            if not any(within(sni, host) for host in hosts):
                yield (
                    f'SNI host "{sni}" is not a compatible subset of any of the virtual service hosts: '
                    f"[{', '.join(hosts)}]"
                )
    yield from _subnets(rule)
    yield from _destinations(rule, "TLS")


def _subnets(rule: Fields) -> Iterator[str]:
    for match in rule.get("match") or ():
        for subnet in match.get("destinationSubnets") or ():
            if not is_network(subnet):
                yield (
                    f"{subnet} is not a valid CIDR block" if "/" in subnet else f"{subnet} is not a valid IP"
                )


def _destinations(rule: Fields, kind: str) -> Iterator[str]:
    if not rule.get("route"):
        yield f"{kind} route is required"
    yield from _weights(rule.get("route") or [])


def _weights(routes: list[Fields]) -> Iterator[str]:
    weights = [route.get("weight", 0) for route in routes]
    if any((route.get("destination") or {}).get("host") == "*" for route in routes):
        yield "invalid destination host *"
    if any(weight < 0 for weight in weights):
        yield "weight must be non-negative"
    elif len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"

"""What Istio's webhook refuses of what a VirtualService's rules ask of requests, in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.admission import forms, headers
from harness.api.istio.http_rule import GatewayMatch, HTTPMatchRequest
from harness.api.refusal import Fault, about, each
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.http_rule import HTTPRule, StringMatch
    from harness.api.istio.virtual_service import VirtualService
    from harness.api.refusal import Rules

_LONGEST_EXPRESSION = 1024
_TEXTS = ("scheme", "method", "authority")


def refuse_expressions(rule: HTTPRule) -> None:
    """Raises NotModelledError for expressions that Istio takes, by Go's library, and Envoy doesn't."""
    texts = [match.uri for match in rule.matches if match.has("uri")]
    texts += [text for match in rule.matches for _, text in _texts(match)]
    texts += rule.cors_policy.allow_origins if rule.has("corsPolicy") else ()
    for text in texts:
        fault = expressions.fault(text.regex, Dialect.RE2) if text.has("regex") else None
        if fault and not is_refused(text.regex):
            raise not_modelled(rule.resource, text.at("regex"), f"Envoy doesn't take it: {fault.why}")


def _texts(match: HTTPMatchRequest) -> Iterator[tuple[str, StringMatch]]:
    """The conditions of a match on texts but its path, each with its field's name."""
    yield from ((name, getattr(match, name)) for name in _TEXTS if match.has(name))
    yield from (("headers", text) for text in match.headers.values())
    # A lone asterisk is no expression there.
    yield from (("withoutHeaders", text) for text in match.without_headers.values() if text.regex != "*")
    yield from (("queryParams", text) for text in match.query_params.values())


def is_refused(pattern: str) -> bool:
    """Returns whether the webhook refuses an expression."""
    return any(expression_faults("", pattern))


def expression_faults(where: str, pattern: str) -> Iterator[str]:
    """Yields what is wrong with a regular expression, which Istio reads by Go's library."""
    if not pattern:
        yield f'"{where}": regex string match should not be empty'
    elif len(pattern.encode()) > _LONGEST_EXPRESSION:
        yield f'"{where}": regex is too large, max length allowed is {_LONGEST_EXPRESSION}'
    elif (fault := expressions.fault(pattern, Dialect.GO)) and fault.refused:
        syntax = "https://github.com/google/re2/wiki/Syntax"
        yield f'"{where}": {fault.why}; Istio uses RE2 style regex-based match ({syntax})'


def _match(match: HTTPMatchRequest) -> Iterator[str]:
    for key, texts in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
        for name in texts:
            if words := headers.matched_name(name):
                yield Fault(words, f"{match.at(key)}.{name}")
    for name, text in _texts(match):
        if text.has("prefix") and not text.prefix:
            yield Fault(f'"{name}": prefix string match should not be empty', text.at("prefix"))
        if text.has("regex"):
            yield from about(text.at("regex"), expression_faults(name, text.regex))
    if match.has("uri") and match.uri.has("regex"):
        yield from about(match.uri.at("regex"), expression_faults("uri", match.uri.regex))
    if match.source_namespace and not forms.is_label(match.source_namespace):
        words = f"sourceNamespace match {match.source_namespace} is invalid"
        yield Fault(words, match.at("sourceNamespace"))


def gateway_names(node: GatewayMatch | VirtualService) -> Iterator[str]:
    """Yields what is wrong with names of gateways; behind one without namespace none is looked at."""
    for index, name in enumerate(node.gateways):
        namespace, slash, rest = name.partition("/")
        if not slash:
            if words := forms.domain(name):
                yield Fault(words, node.entry("gateways", index))
            return
        if not (namespace and rest):
            words = "config namespace and gateway name cannot be empty"
            yield Fault(words, node.entry("gateways", index))
        if not forms.is_label(namespace):
            yield Fault(f'invalid value for namespace: "{namespace}"', node.entry("gateways", index))
        if not forms.is_label(rest):
            yield Fault(f'invalid value for gateway name: "{rest}"', node.entry("gateways", index))


RULES: Rules = {
    GatewayMatch: (each(forms.port_if_any, "port"), each(forms.labels, "sourceLabels"), gateway_names),
    HTTPMatchRequest: (_match,),
}
"""What the webhook asks of matches, of requests and of connections."""

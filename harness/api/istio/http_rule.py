"""The rules of a VirtualService for requests: what each asks and does [Istio: HTTPRoute and its match]."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from harness.api.field import boolean, duration, integer, labels, named, node, nodes, text, texts
from harness.api.istio.destination import Destination, Headers, Percent, RouteDestination
from harness.api.istio.hosts import gateways_in_full
from harness.api.node import Node
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


NamedTexts = tuple[tuple[str, TextMatch], ...]


class StringMatch(Node):
    """What is asked of a text; of several forms the first counts."""

    exact = text("exact")
    prefix = text("prefix")
    regex = text("regex")

    def condition(self, *, ignore_case: bool = False) -> TextMatch | None:
        """Returns what it asks, None if nothing is; case counts in expressions always [Envoy: RouteMatch]."""
        if self.has("exact"):
            return TextMatch("exact", self.exact, ignore_case)
        if self.has("prefix"):
            return TextMatch("prefix", self.prefix, ignore_case)
        return TextMatch("regex", self.regex) if self.has("regex") else None


def _conditions(wanted: Mapping[str, StringMatch]) -> NamedTexts:
    """What is asked of named texts: an empty match asks for presence."""
    return tuple((name, _condition(match)) for name, match in wanted.items())


def _condition(match: StringMatch) -> TextMatch:
    condition = match.condition()
    # A lone asterisk, which is no expression, asks for presence, too [istio/istio: isCatchAllStringMatch].
    return TextMatch("present") if condition in (None, TextMatch("regex", "*")) else condition


class GatewayMatch(Node):
    """Where a match holds: at which port, for which clients and gateways."""

    port = integer("port")
    source_labels = labels("sourceLabels")
    source_namespace = text("sourceNamespace")
    gateways = texts("gateways")

    @property
    def bound(self) -> tuple[str, ...]:
        """The gateways that it is for, in full; none: for all."""
        return gateways_in_full(self.gateways, self.resource.namespace)


class HTTPMatchRequest(GatewayMatch):
    """Conditions on a request, all of which must hold."""

    name = text("name")
    uri = node("uri", StringMatch)
    scheme = node("scheme", StringMatch)
    method = node("method", StringMatch)
    authority = node("authority", StringMatch)
    headers = named("headers", StringMatch)
    without_headers = named("withoutHeaders", StringMatch)
    query_params = named("queryParams", StringMatch)
    ignore_uri_case = boolean("ignoreUriCase")

    @property
    def uri_condition(self) -> TextMatch | None:
        """What the path must be; None for any."""
        return self.uri.condition(ignore_case=self.ignore_uri_case)

    @property
    def header_conditions(self) -> NamedTexts:
        """What headers must be, by their names as they are written."""
        return _conditions(self.headers)

    @property
    def header_exceptions(self) -> NamedTexts:
        """What headers mustn't be."""
        return _conditions(self.without_headers)

    @property
    def query_conditions(self) -> NamedTexts:
        """What query parameters must be."""
        return _conditions(self.query_params)


class HTTPRedirect(Node):
    """An answer that sends the client elsewhere."""

    uri = text("uri")
    prefix_rewrite = text("prefixRewrite")
    authority = text("authority")
    scheme = text("scheme")
    port = integer("port")
    derive_port = text("derivePort")
    redirect_code = integer("redirectCode")

    @property
    def status(self) -> int:
        return self.redirect_code or 301


class HTTPBody(Node):
    """What an answer holds."""

    string = text("string")
    bytes = text("bytes")

    @property
    def content(self) -> str:
        """The text, also of what is written in base64."""
        if self.has("bytes"):
            return base64.b64decode(self.bytes).decode("utf-8", "replace")
        return self.string


class HTTPDirectResponse(Node):
    """The proxy's own answer."""

    status = integer("status")
    body = node("body", HTTPBody)


class RegexRewrite(Node):
    """A pattern, and what each of its matches becomes."""

    match = text("match")
    rewrite = text("rewrite")


class HTTPRewrite(Node):
    """What becomes of path and host."""

    uri = text("uri")
    authority = text("authority")
    uri_regex_rewrite = node("uriRegexRewrite", RegexRewrite)


class HTTPRetry(Node):
    """How often, and upon what, a request is sent again."""

    attempts = integer("attempts")
    per_try_timeout = duration("perTryTimeout")
    retry_on = text("retryOn")
    retry_ignore_previous_hosts = boolean("retryIgnorePreviousHosts", default=True)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Upon what it is sent again: words of Envoy's, and statuses."""
        return tuple(word.strip() for word in self.retry_on.split(",") if word.strip())


class FaultDelay(Node):
    """A delay for a share of the requests."""

    fixed_delay = duration("fixedDelay")
    percentage = node("percentage", Percent)
    percent = integer("percent")

    @property
    def share(self) -> float:
        """The share in percent; none is delayed unless it is said."""
        return (self.percentage.value or 0.0) if self.has("percentage") else float(self.percent or 0)


class FaultAbort(Node):
    """An answer in place of the server's, for a share of the requests."""

    http_status = integer("httpStatus")
    grpc_status = text("grpcStatus")
    percentage = node("percentage", Percent)

    @property
    def share(self) -> float:
        """The share in percent; none is aborted unless it is said."""
        return self.percentage.value or 0.0


class HTTPFaultInjection(Node):
    """Faults by the client's proxy."""

    delay = node("delay", FaultDelay)
    abort = node("abort", FaultAbort)


class HTTPMirrorPolicy(Node):
    """Where copies of requests go."""

    destination = node("destination", Destination)
    percentage = node("percentage", Percent)


class CorsPolicy(Node):
    """What browsers are told."""

    allow_origins = nodes("allowOrigins", StringMatch)
    allow_origin = texts("allowOrigin")
    allow_methods = texts("allowMethods")
    allow_headers = texts("allowHeaders")
    expose_headers = texts("exposeHeaders")
    max_age = duration("maxAge")
    allow_credentials = boolean("allowCredentials")
    unmatched_preflights = text("unmatchedPreflights")

    @property
    def origins(self) -> tuple[TextMatch, ...]:
        """Which origins may ask; the old field counts where the new one is absent."""
        if not self.has("allowOrigins"):
            return tuple(TextMatch("exact", origin) for origin in self.allow_origin)
        return tuple(origin for match in self.allow_origins if (origin := match.condition()))


class Delegate(Node):
    """Another VirtualService that a rule leaves its requests to."""

    name = text("name")
    namespace = text("namespace")

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace or self.resource.namespace, self.name


class HTTPRule(Node):
    """An entry of `http` [Istio: HTTPRoute]."""

    name = text("name")
    matches = nodes("match", HTTPMatchRequest)
    route = nodes("route", RouteDestination)
    redirect = node("redirect", HTTPRedirect)
    direct_response = node("directResponse", HTTPDirectResponse)
    rewrite = node("rewrite", HTTPRewrite)
    timeout = duration("timeout")
    retries = node("retries", HTTPRetry)
    fault = node("fault", HTTPFaultInjection)
    mirror = node("mirror", Destination)
    mirror_percentage = node("mirrorPercentage", Percent)
    mirror_percent = integer("mirrorPercent")
    mirrors = nodes("mirrors", HTTPMirrorPolicy)
    headers = node("headers", Headers)
    cors_policy = node("corsPolicy", CorsPolicy)
    delegate = node("delegate", Delegate)

    @property
    def copies(self) -> Iterator[tuple[Destination, str, float]]:
        """Where copies of requests go: the destination, the field that says so, and the share in percent."""
        if self.mirror:
            share = float(100 if self.mirror_percent is None else self.mirror_percent)
            if self.has("mirrorPercentage"):
                share = self.mirror_percentage.value or 0.0
            yield self.mirror, self.mirror.path, share
        for policy in self.mirrors:
            share = (policy.percentage.value or 0.0) if policy.has("percentage") else 100.0
            yield policy.destination, policy.path, share

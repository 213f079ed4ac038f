"""The rules of a VirtualService for requests: what each asks and does [Istio: HTTPRoute and its match]."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from harness.api import field
from harness.api.istio.destination import Destination, Headers, Percent, RouteDestination
from harness.api.istio.hosts import gateways_in_full
from harness.api.node import Node
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


NamedTexts = tuple[tuple[str, TextMatch], ...]


class StringMatch(Node):
    """What is asked of a text; of several forms the first counts."""

    exact = field.text("exact")
    prefix = field.text("prefix")
    regex = field.text("regex")

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

    port = field.integer("port")
    source_labels = field.labels("sourceLabels")
    source_namespace = field.text("sourceNamespace")
    gateways = field.texts("gateways")

    @property
    def bound(self) -> tuple[str, ...]:
        """The gateways that it is for, in full; none: for all."""
        return gateways_in_full(self.gateways, self.resource.namespace)


class HTTPMatchRequest(GatewayMatch):
    """Conditions on a request, all of which must hold."""

    name = field.text("name")
    uri = field.node("uri", StringMatch)
    scheme = field.node("scheme", StringMatch)
    method = field.node("method", StringMatch)
    authority = field.node("authority", StringMatch)
    headers = field.named("headers", StringMatch)
    without_headers = field.named("withoutHeaders", StringMatch)
    query_params = field.named("queryParams", StringMatch)
    ignore_uri_case = field.boolean("ignoreUriCase")

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

    uri = field.text("uri")
    prefix_rewrite = field.text("prefixRewrite")
    authority = field.text("authority")
    scheme = field.text("scheme")
    port = field.integer("port")
    derive_port = field.text("derivePort")
    redirect_code = field.integer("redirectCode")

    @property
    def status(self) -> int:
        return self.redirect_code or 301


class HTTPBody(Node):
    """What an answer holds."""

    string = field.text("string")
    bytes = field.text("bytes")

    @property
    def content(self) -> str:
        """The text, also of what is written in base64."""
        if self.has("bytes"):
            return base64.b64decode(self.bytes).decode("utf-8", "replace")
        return self.string


class HTTPDirectResponse(Node):
    """The proxy's own answer."""

    status = field.integer("status")
    body = field.node("body", HTTPBody)


class RegexRewrite(Node):
    """A pattern, and what each of its matches becomes."""

    match = field.text("match")
    rewrite = field.text("rewrite")


class HTTPRewrite(Node):
    """What becomes of path and host."""

    uri = field.text("uri")
    authority = field.text("authority")
    uri_regex_rewrite = field.node("uriRegexRewrite", RegexRewrite)


class HTTPRetry(Node):
    """How often, and upon what, a request is sent again."""

    attempts = field.integer("attempts")
    per_try_timeout = field.duration("perTryTimeout")
    retry_on = field.text("retryOn")
    retry_ignore_previous_hosts = field.optional_boolean("retryIgnorePreviousHosts")

    @property
    def conditions(self) -> tuple[str, ...]:
        """Upon what it is sent again: words of Envoy's, and statuses."""
        return tuple(word.strip() for word in self.retry_on.split(",") if word.strip())


class FaultDelay(Node):
    """A delay for a share of the requests."""

    fixed_delay = field.duration("fixedDelay")
    percentage = field.node("percentage", Percent)
    percent = field.integer("percent")

    @property
    def share(self) -> float:
        """The share in percent; none is delayed unless it is said."""
        return (self.percentage.value or 0.0) if self.has("percentage") else float(self.percent or 0)


class FaultAbort(Node):
    """An answer in place of the server's, for a share of the requests."""

    http_status = field.integer("httpStatus")
    grpc_status = field.text("grpcStatus")
    percentage = field.node("percentage", Percent)

    @property
    def share(self) -> float:
        """The share in percent; none is aborted unless it is said."""
        return self.percentage.value or 0.0


class HTTPFaultInjection(Node):
    """Faults by the client's proxy."""

    delay = field.node("delay", FaultDelay)
    abort = field.node("abort", FaultAbort)


class HTTPMirrorPolicy(Node):
    """Where copies of requests go."""

    destination = field.node("destination", Destination)
    percentage = field.node("percentage", Percent)


class CorsPolicy(Node):
    """What browsers are told."""

    allow_origins = field.nodes("allowOrigins", StringMatch)
    allow_origin = field.texts("allowOrigin")
    allow_methods = field.texts("allowMethods")
    allow_headers = field.texts("allowHeaders")
    expose_headers = field.texts("exposeHeaders")
    max_age = field.duration("maxAge")
    allow_credentials = field.boolean("allowCredentials")
    unmatched_preflights = field.text("unmatchedPreflights")

    @property
    def origins(self) -> tuple[TextMatch, ...]:
        """Which origins may ask; the old field counts where the new one is absent."""
        if not self.has("allowOrigins"):
            return tuple(TextMatch("exact", origin) for origin in self.allow_origin)
        return tuple(origin for match in self.allow_origins if (origin := match.condition()))


class Delegate(Node):
    """Another VirtualService that a rule leaves its requests to."""

    name = field.text("name")
    namespace = field.text("namespace")

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace or self.resource.namespace, self.name


class HTTPRule(Node):
    """An entry of `http` [Istio: HTTPRoute]."""

    name = field.text("name")
    matches = field.nodes("match", HTTPMatchRequest)
    route = field.nodes("route", RouteDestination)
    redirect = field.node("redirect", HTTPRedirect)
    direct_response = field.node("directResponse", HTTPDirectResponse)
    rewrite = field.node("rewrite", HTTPRewrite)
    timeout = field.duration("timeout")
    retries = field.node("retries", HTTPRetry)
    fault = field.node("fault", HTTPFaultInjection)
    mirror = field.node("mirror", Destination)
    mirror_percentage = field.node("mirrorPercentage", Percent)
    mirror_percent = field.integer("mirrorPercent")
    mirrors = field.nodes("mirrors", HTTPMirrorPolicy)
    headers = field.node("headers", Headers)
    cors_policy = field.node("corsPolicy", CorsPolicy)
    delegate = field.node("delegate", Delegate)

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

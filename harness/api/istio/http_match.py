"""What a VirtualService's rule asks of a request [Istio: HTTPMatchRequest, StringMatch]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.hosts import gateways_in_full
from harness.api.node import Node, boolean, integer, labels, named, node, text, texts
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class HTTPMatchRequest(Node):
    """Conditions on a request, all of which must hold."""

    name = text("name")
    uri = node("uri", StringMatch)
    scheme = node("scheme", StringMatch)
    method = node("method", StringMatch)
    authority = node("authority", StringMatch)
    headers = named("headers", StringMatch)
    without_headers = named("withoutHeaders", StringMatch)
    query_params = named("queryParams", StringMatch)
    port = integer("port")
    source_labels = labels("sourceLabels")
    source_namespace = text("sourceNamespace")
    gateways = texts("gateways")
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

    @property
    def bound(self) -> tuple[str, ...]:
        """The gateways that it is for, in full; none: for all."""
        return gateways_in_full(self.gateways, self.resource.namespace)

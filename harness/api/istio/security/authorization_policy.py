"""AuthorizationPolicy: who may do what [Istio: security/v1, AuthorizationPolicy]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.api import field
from harness.api.istio.security.authentication import PolicySpec
from harness.api.kubernetes.metadata import annotations_of
from harness.api.node import Node
from harness.base.expressions import quoted
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KIND = "AuthorizationPolicy"
DRY_RUN = "istio.io/dry-run"

IDENTITIES = frozenset(
    ("source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain")
)
"""The attributes that are about who the client is, which mutual TLS alone shows."""

_TRUE = frozenset("1 t T true True TRUE".split())

# What `{*}` and `{**}` take [Envoy: uri_template].
_SEGMENT, _SEGMENTS = r"[a-zA-Z0-9_\-.~%!$&'()+,;:@=]+", r"[a-zA-Z0-9_\-.~%!$&'()+,;:@=/]*"


@dataclass(frozen=True)
class Attribute:
    """What is asked of one attribute: one of `values` must match (if there are any), none of `unwanted`."""

    field: str
    key: str
    values: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """All values, those that mustn't match included."""
        return self.values + self.unwanted

    @property
    def of_http(self) -> bool:
        """Whether it is about HTTP, which not every connection shows."""
        return self.key.startswith("request.")


class Source(Node):
    """Who a client is, and where it comes from."""

    principals = field.texts("principals")
    not_principals = field.texts("notPrincipals")
    request_principals = field.texts("requestPrincipals")
    not_request_principals = field.texts("notRequestPrincipals")
    namespaces = field.texts("namespaces")
    not_namespaces = field.texts("notNamespaces")
    service_accounts = field.texts("serviceAccounts")
    not_service_accounts = field.texts("notServiceAccounts")
    trust_domains = field.texts("trustDomains")
    not_trust_domains = field.texts("notTrustDomains")
    ip_blocks = field.texts("ipBlocks")
    not_ip_blocks = field.texts("notIpBlocks")
    remote_ip_blocks = field.texts("remoteIpBlocks")
    not_remote_ip_blocks = field.texts("notRemoteIpBlocks")

    def attributes(self, field: str) -> Iterator[Attribute]:
        """Yields what it asks of the client, each as asked by a field."""
        yield from _attribute(field, "source.principal", self.principals, self.not_principals)
        yield from _attribute(
            field, "request.auth.principal", self.request_principals, self.not_request_principals
        )
        yield from _attribute(field, "source.namespace", self.namespaces, self.not_namespaces)
        yield from _attribute(
            field, "source.serviceAccount", self.service_accounts, self.not_service_accounts
        )
        yield from _attribute(field, "source.trustDomain", self.trust_domains, self.not_trust_domains)
        yield from _attribute(field, "source.ip", self.ip_blocks, self.not_ip_blocks)
        yield from _attribute(field, "remote.ip", self.remote_ip_blocks, self.not_remote_ip_blocks)


class Operation(Node):
    """What a client does."""

    hosts = field.texts("hosts")
    not_hosts = field.texts("notHosts")
    ports = field.texts("ports")
    not_ports = field.texts("notPorts")
    methods = field.texts("methods")
    not_methods = field.texts("notMethods")
    paths = field.texts("paths")
    not_paths = field.texts("notPaths")

    def attributes(self, field: str) -> Iterator[Attribute]:
        """Yields what it asks of the request, each as asked by a field."""
        yield from _attribute(field, "request.host", self.hosts, self.not_hosts)
        yield from _attribute(field, "destination.port", self.ports, self.not_ports)
        yield from _attribute(field, "request.method", self.methods, self.not_methods)
        yield from _attribute(field, "request.path", self.paths, self.not_paths)


class PolicyCondition(Node):
    """A condition on any one attribute."""

    key = field.text("key")
    values = field.texts("values")
    not_values = field.texts("notValues")

    @cached_property
    def attribute(self) -> Attribute:
        """What it asks."""
        return Attribute(self.path, self.key, self.values, self.not_values)


class From(Node):
    """One of a rule's sources."""

    source = field.node("source", Source)


class To(Node):
    """One of a rule's operations."""

    operation = field.node("operation", Operation)


class AuthorizationRule(Node):
    """A rule: one of its sources must fit, one of its operations, and all conditions."""

    sources = field.nodes("from", From)
    operations = field.nodes("to", To)
    conditions = field.nodes("when", PolicyCondition)

    @cached_property
    def client_attributes(self) -> tuple[tuple[Attribute, ...], ...]:
        """What each of its sources asks."""
        return tuple(tuple(entry.source.attributes(self.at("from"))) for entry in self.sources)

    @cached_property
    def request_attributes(self) -> tuple[tuple[Attribute, ...], ...]:
        """What each of its operations asks."""
        return tuple(tuple(entry.operation.attributes(self.at("to"))) for entry in self.operations)

    @property
    def attributes(self) -> Iterator[Attribute]:
        """All that it asks, the conditions first."""
        yield from (condition.attribute for condition in self.conditions)
        for part in (*self.client_attributes, *self.request_attributes):
            yield from part

    @property
    def takes_anyone(self) -> bool:
        """Whether clients fit whoever they are."""

        def identifies(attributes: Iterable[Attribute]) -> bool:
            return any(attribute.key in IDENTITIES and attribute.values for attribute in attributes)

        if identifies(condition.attribute for condition in self.conditions):
            return False
        return not self.sources or not all(map(identifies, self.client_attributes))


class ExtensionProvider(Node):
    """An external authorizer, by the name that MeshConfig gives it."""

    name = field.text("name")


class AuthorizationPolicy(PolicySpec):
    """What is let in, kept out, logged, or asked of an external authorizer."""

    action = field.nonempty("action", "ALLOW")
    rules = field.nodes("rules", AuthorizationRule)
    provider = field.node("provider", ExtensionProvider)

    @property
    def is_dry_run(self) -> bool:
        """Whether it is only tried: it is logged and counted, and never decides."""
        return annotations_of(self.resource).get(DRY_RUN) in _TRUE


def wildcard(pattern: str) -> TextMatch:
    """Returns the condition that a value of a policy puts on a text: `*suffix`, `prefix*`, `*` for any."""
    if pattern == "*":
        return TextMatch("present")
    if pattern.startswith("*"):
        return TextMatch("suffix", pattern[1:])
    return TextMatch("prefix", pattern[:-1]) if pattern.endswith("*") else TextMatch("exact", pattern)


def path_condition(pattern: str) -> TextMatch:
    """Returns the condition that a value of `paths` puts on a path.

    In a template `{*}` stands for one segment, `{**}` for any number of them.
    """
    if "{*}" not in pattern and "{**}" not in pattern:
        return wildcard(pattern)
    return TextMatch("regex", path_expression(pattern))


def path_expression(template: str) -> str:
    """Returns a path template as a regular expression, which RE2 and Rust read alike."""
    return quoted(template).replace(r"\{\*\*\}", _SEGMENTS).replace(r"\{\*\}", _SEGMENT)


def in_full(account: str, namespace: str) -> str:
    """Returns a service account as `namespace/name`; a short one is of the policy's own namespace."""
    return account if "/" in account else f"{namespace}/{account}"


def _attribute(
    field: str, key: str, values: tuple[str, ...], unwanted: tuple[str, ...]
) -> Iterator[Attribute]:
    if values or unwanted:
        yield Attribute(field, key, values, unwanted)

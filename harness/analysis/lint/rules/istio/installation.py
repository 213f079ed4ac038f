"""Traps in what is installed: webhooks, definitions, and istiod's own settings."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.istio.registry import SERVICE
from harness.api import marks
from harness.api.istio.security.authentication import GROUP as SECURITY
from harness.api.kubernetes.definition import (
    DEFINITION,
    MUTATING,
    VALIDATING,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    release,
)
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.workload import template_of
from harness.base.listing import some
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model import State

_SUFFIX = "istio.io"
_ISTIODS = ("istio-sidecar-injector", "istio-validator", "istiod-default-validator")
_BLOCKED = "BLOCKED_CIDRS_IN_JWKS_URIS"

# The releases below which Istio passes over a kind [istio/istio: pkg/config/schema/gatewayapi].
_MINIMUM = {
    "grpcroutes.gateway.networking.k8s.io": (1, 1, 0),
    "backendtlspolicies.gateway.networking.k8s.io": (1, 4, 0),
    "tlsroutes.gateway.networking.k8s.io": (1, 5, 0),
    "tcproutes.gateway.networking.k8s.io": (1, 6, 0),
}


@rule
def webhook_service_missing(state: State) -> Iterator[Sign]:
    for _, webhook in _webhooks(state):
        service = webhook.client.service
        if service and state.get(*SERVICE, service.namespace, service.name) is None:
            needs = (*SERVICE, service.namespace)
            yield seen(service, needs=needs, namespace=service.namespace, name=service.name)


@rule
def webhook_without_address(state: State) -> Iterator[Sign]:
    for webhook in _called(state):
        if not (webhook.client.service or _host(webhook)):
            yield seen(webhook, "clientConfig", name=webhook.name)


@rule
def webhook_by_address(state: State) -> Iterator[Sign]:
    for webhook in _called(state):
        host = _host(webhook)
        if is_address(host):
            yield seen(webhook.client, "url", host=host)


def _host(webhook: MutatingWebhook) -> str:
    """The host in a webhook's URL, empty without one."""
    try:
        return urlsplit(webhook.client.url).hostname or ""
    except ValueError:
        return ""


def _called(state: State) -> Iterator[MutatingWebhook]:
    """The webhooks of istiods among the manifests, injecting and validating ones."""
    for resource in (*state.all(*MUTATING), *state.all(*VALIDATING)):
        if resource.where and resource.name.startswith(_ISTIODS):
            yield from MutatingWebhookConfiguration.kept(resource).webhooks


@rule
def webhooks_overlap(state: State) -> Iterator[Sign]:
    webhooks = list(_webhooks(state))
    revisions = {value for _, webhook in webhooks for value in _revisions(webhook)}
    met: dict[str, tuple[MutatingWebhook, dict[str, None]]] = {}
    for namespace, pod in product(
        _labels(marks.ISTIO_INJECTION, ("enabled", "disabled"), revisions),
        _labels(marks.ISTIO_INJECT, ("true", "false"), revisions),
    ):
        calls = [
            (resource, webhook)
            for resource, webhook in webhooks
            if webhook.namespaces.selects(namespace) and webhook.objects.selects(pod)
        ]
        for resource, webhook in calls if len(calls) > 1 else ():
            _, names = met.setdefault(f"{resource} {webhook.path}", (webhook, {}))
            names.update((f"{each} {part.name}", None) for each, part in calls if part is not webhook)
    for webhook, names in met.values():
        yield seen(webhook, others=some(names))


def _labels(label: str, values: tuple[str, ...], revisions: set[str]) -> list[dict[str, str]]:
    """All labels that webhooks tell apart: this one or none, with each revision or none."""
    own: list[dict[str, str]] = [{}, *({label: value} for value in values)]
    return own + [{**labels, marks.ISTIO_REVISION: revision} for labels in own for revision in revisions]


def _revisions(webhook: MutatingWebhook) -> Iterator[str]:
    for selector in (webhook.namespaces, webhook.objects):
        if revision := selector.match_labels.get(marks.ISTIO_REVISION):
            yield revision
        for part in selector.match_expressions:
            yield from part.values if part.key == marks.ISTIO_REVISION else ()


def _webhooks(state: State) -> Iterator[tuple[Resource, MutatingWebhook]]:
    """Istio's webhooks among the manifests, without those of the default revision: others stand for them."""
    for resource in state.all(*MUTATING):
        labels = labels_of(resource)
        default = labels.get(marks.ISTIO_REVISION) == "default" and "istio.io/tag" not in labels
        for webhook in MutatingWebhookConfiguration.kept(resource).webhooks if resource.where else ():
            if webhook.name.endswith(_SUFFIX) and not default:
                yield resource, webhook


@rule
def jwks_fetched_from_anywhere(state: State) -> Iterator[Sign]:
    for policy in state.all(SECURITY, "RequestAuthentication")[:1]:
        for istiod in state.all("apps", "Deployment"):
            if labels_of(istiod).get("app") == "istiod" and istiod.where:
                template = template_of(istiod)
                if not any(each.variables.get(_BLOCKED) for each in template.spec.containers):
                    yield seen(istiod, "spec.template.spec.containers", policy=policy)


@rule
def definition_too_old(state: State) -> Iterator[Sign]:
    for definition in state.all(*DEFINITION):
        minimum = _MINIMUM.get(definition.name)
        version = re.match(r"v?(\d+)\.(\d+)\.(\d+)", release(definition))
        if minimum and version and tuple(map(int, version.groups())) < minimum:
            least = ".".join(map(str, minimum))
            yield seen(definition, "metadata.annotations", version=version[0], least=least)

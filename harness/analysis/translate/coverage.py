"""Istio's kinds: those that are translated, and those that nothing of Linkerd's corresponds to."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Finding, Severity
from harness.api.kubernetes.workload import WORKLOAD_KINDS
from harness.api.refusal import Refused
from harness.api.schema import shapes as schema
from harness.api.schema.kinds import KINDS
from harness.base.errors import InputError, NotModelledError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource

VERSIONS = {
    "networking.istio.io": ("v1", "v1beta1", "v1alpha3"),
    "security.istio.io": ("v1", "v1beta1"),
    "telemetry.istio.io": ("v1", "v1alpha1"),
    "extensions.istio.io": ("v1alpha1",),
    "install.istio.io": ("v1alpha1",),
}
TRANSLATED = {
    "networking.istio.io": ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry"),
    "security.istio.io": ("AuthorizationPolicy", "PeerAuthentication"),
}
_LOST: dict[str, dict[str, tuple[str, str, str]]] = {
    "networking.istio.io": {
        "EnvoyFilter": ("envoy-filter", "Linkerd's proxies take no filters", "see what the filter is for"),
        "Sidecar": ("sidecar", "Linkerd's proxies know all Services; egress is said by EgressNetworks", ""),
        "WorkloadEntry": (
            "external-workload",
            "Linkerd knows no WorkloadEntries",
            "make an ExternalWorkload",
        ),
        "WorkloadGroup": ("external-workload", "Linkerd knows no WorkloadGroups", "make ExternalWorkloads"),
        "ProxyConfig": ("proxy-config", "it is Envoy's", "use Linkerd's config annotations"),
    },
    "security.istio.io": {
        "RequestAuthentication": ("jwt", "Linkerd doesn't look into tokens", "check them in the application"),
    },
    "telemetry.istio.io": {
        "Telemetry": ("telemetry", "Linkerd's metrics and traces are its own", "set up Linkerd's"),
    },
    "extensions.istio.io": {
        "WasmPlugin": ("wasm", "Linkerd's proxies take no plugins", "see what the plugin is for"),
        "TrafficExtension": ("wasm", "Linkerd's proxies take no plugins", "see what the plugin is for"),
    },
    "install.istio.io": {
        "IstioOperator": ("installation", "it installs Istio", "install Linkerd by its own values"),
    },
}
_GONE = ("authentication.istio.io", "config.istio.io", "rbac.istio.io")
"""Groups that no Istio reads since 1.6."""
_KUBERNETES = {
    "": (
        "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod "
        "PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount"
    ).split(),
    "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet".split(),
}
_SILENT = ("k8s.io", "linkerd.io")
"""Endings of groups whose objects stay as they are, whatever the mesh."""

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def check(resources: Iterable[Resource]) -> None:
    """Raises InputError or Refused for the first object that can't be read: kind, version, form, template."""
    for one in resources:
        if one.group in _GONE:
            continue
        if one.group not in VERSIONS:
            if one.group.endswith("istio.io") or one.group == "istio.io":
                raise InputError(
                    f"unknown API group {one.group}",
                    where=one.place("apiVersion"),
                    todo=did_you_mean(one.group, VERSIONS),
                )
            _known_to_kubernetes(one)
            _refuse_halves(one)
            continue
        known = (*TRANSLATED.get(one.group, ()), *_LOST[one.group])
        if one.kind not in known:
            raise InputError(
                f"unknown kind {one.kind} in {one.group}",
                where=one.place("kind"),
                todo=did_you_mean(one.kind, known),
            )
        if one.version not in VERSIONS[one.group]:
            versions = VERSIONS[one.group]
            raise InputError(
                f"{one}: {one.group} has no version {one.version}",
                where=one.place("apiVersion"),
                todo=did_you_mean(one.version, versions),
            )
        if one.kind in TRANSLATED.get(one.group, ()):
            _refuse_templates(one)


def _known_to_kubernetes(resource: Resource) -> None:
    known = _KUBERNETES.get(resource.group)
    if known and resource.kind not in known:
        raise InputError(
            f"unknown kind {resource.kind} in {resource.api_version}",
            where=resource.place("kind"),
            todo=did_you_mean(resource.kind, known),
        )


def _refuse_halves(resource: Resource) -> None:
    """Raises Refused, as the API server would, for what is read of Services and workloads."""
    if resource.kind in ("Service", "Pod", *WORKLOAD_KINDS) and (resource.group, resource.kind) in KINDS:
        try:
            with suppress(NotModelledError):  # what can't be decided can be translated
                schema.check(schema.without_nulls(resource), KINDS[resource.group, resource.kind])
        except Refused as error:
            # Containers and images needn't be there: labels and ports alone say something, too.
            if not error.what.endswith("Required value") or "ports[" in error.what:
                raise


def foreign(resources: Iterable[Resource]) -> Iterator[Finding]:
    """Yields a finding for each kind of somebody else's: what such objects make, nobody here knows."""
    seen = set()
    for one in resources:
        known = one.group in (*VERSIONS, *_GONE) or "." not in one.group or one.group.endswith(_SILENT)
        if not known and (one.group, one.kind) not in seen:
            seen.add((one.group, one.kind))
            why = f"{one.kind} of {one.group} isn't read: it stays as it is"
            yield Finding.of(
                Severity.CHECK, "foreign-kind", one, "kind", why, "check whether it speaks of Istio"
            )


def lost(resources: Iterable[Resource]) -> Iterator[Finding]:
    """Yields a finding for each object of a kind that isn't translated."""
    for one in resources:
        found = _LOST.get(one.group, {}).get(one.kind)
        if found:
            topic, why, todo = found
            yield Finding.of(Severity.LOST, topic, one, "", why, todo)
        elif one.group in _GONE:
            why = "no Istio since 1.6 reads it: it had no effect, and is left out"
            yield Finding.of(Severity.CHECK, "no-effect", one, "apiVersion", why, "delete it")


def _refuse_templates(resource: Resource) -> None:
    for text in _texts(resource.data):
        if found := _TEMPLATE.search(text):
            raise InputError(
                f"{resource}: an unrendered template",
                where=resource.where,
                why=found.group(),
                todo="render it first (helm template …)",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)

"""ingress2gateway: its output, compared with what Istio's objects say, and put right.

The tool says too little, or something else, of many fields; under Linkerd most of that goes unnoticed. Each
fault is reported, and the object takes the form that means what the VirtualService means.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.draft import Translated
from harness.analysis.translate.finding import Finding
from harness.analysis.translate.translation import Translation, translate
from harness.api.gateway_api.route import Route
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.hosts import MESH
from harness.api.istio.http_rule import HTTPRule
from harness.api.istio.virtual_service import VirtualService
from harness.base.errors import InputError, MissingError
from harness.base.places import Location
from harness.base.resources import Resource
from harness.manifests.documents import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from harness.api.gateway_api.route import RouteRule
    from harness.api.istio.http_rule import HTTPMatchRequest
    from harness.api.node import Node


TOOL = "ingress2gateway"

SECONDS = 300
"""How long it may take."""
READ_VERSION = "v1beta1"
"""The one version of Istio's objects that the tool reads; others it passes over."""

_READ_KINDS = ("VirtualService", "Gateway")
_UNREAD_KINDS = (
    "DestinationRule ServiceEntry AuthorizationPolicy PeerAuthentication RequestAuthentication Sidecar"
).split()
_ROUTES = ("HTTPRoute", "TLSRoute", "TCPRoute")
_IGNORED = ("fault", "retries", "corsPolicy", "delegate", "directResponse", "mirrorPercentage")


def output(files: Iterable[Path]) -> str:
    """Returns what the tool prints for these manifest files.

    Raises MissingError if it isn't installed, InputError with its words if it fails.
    """
    tool = shutil.which(TOOL)
    if tool is None:
        raise MissingError(
            f"{TOOL} isn't on PATH",
            todo="install it, or run it elsewhere and give its output with --tool-output FILE",
        )
    inputs = [part for file in files for part in ("--input-file", str(file))]
    options = ("--providers", "istio", "--all-namespaces", "--allow-experimental-gw-api")
    command = [tool, "print", *options, *inputs]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{TOOL} hasn't ended after {SECONDS} s") from error
    if result.returncode:
        raise InputError(f"{TOOL} fails", why=" ".join(result.stderr.split())[-500:])
    return result.stdout


def raw(text: str, name: str) -> tuple[Resource, ...]:
    """Returns the objects of the tool's output, in a stable order: its own changes from run to run.

    Raises InputError for what isn't its output.
    """
    if "apiVersion:" not in text:  # it tells in words that it found nothing
        return ()
    objects = [_object(document.data, name) for document in parse(text, name) if document.data is not None]
    return tuple(sorted(objects, key=lambda resource: resource.key))


def _object(data: Any, name: str) -> Resource:
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name") or not data.get("kind"):
        raise InputError(f"not {TOOL}'s output: an object without kind or name", where=name)
    kept = {key: value for key, value in data.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in metadata.items() if value is not None}
    namespace = metadata.get("namespace") or "default"
    return Resource(
        str(data.get("apiVersion")), data["kind"], namespace, metadata["name"], kept, Location(name)
    )


def repaired(resources: Iterable[Resource], made_by_tool: Iterable[Resource]) -> Translation:
    """Returns Istio's objects as the tool translates them, with its faults put right and reported.

    What it makes of objects that aren't among the resources stays as it is, and is to be checked.
    """
    resources = tuple(resources)
    made_by_tool = tuple(made_by_tool)
    right = translate(resources)
    origins = _origins(resources, made_by_tool)
    read = dict.fromkeys(resource for resource, _ in origins.values())
    kept = tuple(Translated(made, ()) for made in made_by_tool if made not in origins)
    findings = (
        *right.findings,
        *(_fault("origin", made.resource, "metadata.name") for made in kept),
        *(fault for made, origin in origins.items() for fault in _faults(made, *origin)),
        *_passed_over(resources, read),
        *_reordered(read),
    )
    return replace(right, translated=(*right.translated, *kept), findings=tuple(dict.fromkeys(findings)))


def _origins(resources: Sequence[Resource], made: Iterable[Resource]) -> dict[Resource, tuple[Resource, int]]:
    """The object behind each of the tool's, and its rule's index: routes are named after both."""
    sources: dict[tuple[str, str, str], Resource] = {}
    for resource in resources:
        if resource.group == "networking.istio.io" and resource.kind in _READ_KINDS:
            sources[resource.kind, resource.namespace, resource.name] = resource
    services = [key for key in sources if key[0] == "VirtualService"]
    origins: dict[Resource, tuple[Resource, int]] = {}
    for route in made:
        namespace, name = route.namespace, route.name
        if route.kind == "Gateway" and (source := sources.get(("Gateway", namespace, name))):
            origins[route] = (source, 0)
        elif route.kind == "ReferenceGrant" and name.startswith("generated-reference-grant") and services:
            origins[route] = (sources[services[0]], 0)
        elif route.kind in _ROUTES:
            named = [key for key in services if key[1] == namespace and f"{name}-".startswith(f"{key[2]}-")]
            if named:
                source = sources[max(named, key=lambda key: len(key[2]))]
                origins[route] = (source, _rule(name.removeprefix(source.name), source))
    return origins


def _rule(suffix: str, source: Resource) -> int:
    if match := re.match(r"-idx-(\d+)", suffix):
        return int(match[1])
    names = [rule.name for rule in VirtualService.of(source).http]
    return next((index for index, name in enumerate(names) if name and suffix.startswith(f"-{name}")), 0)


# --- faults


def _faults(made: Resource, resource: Resource, index: int) -> Iterator[Finding]:
    if made.kind == "Gateway":
        yield from _gateway_faults(resource)
    if made.kind not in _ROUTES:
        return
    reading, route = VirtualService.of(resource), Route.of(made)
    if MESH in reading.bound and not route.parents:
        yield _fault("parents", resource, "spec.hosts")
    if made.kind != "HTTPRoute":
        return
    rules = reading.http
    source = rules[index] if index < len(rules) else HTTPRule(resource, "spec", None)
    for rule in route.written_rules:
        yield from _backend_faults(source, rule)
        yield from _match_faults(source, rule)
    for key in _IGNORED:
        if source.has(key):
            yield _fault("ignored", source, key, what=key)
    for part in (source.redirect, source.rewrite):
        if part.authority:
            yield _fault("ignored", part, "authority", what="the host")
    for mirror in source.mirrors:
        if mirror.has("percentage"):
            yield _fault("ignored", mirror, what="a mirror's percentage")


def _backend_faults(source: HTTPRule, rule: RouteRule) -> Iterator[Finding]:
    for part, backend in zip(source.route, rule.backends, strict=False):
        if backend.weight == 0 and not any(to.weight for to in source.route):
            yield _fault("weight", part, "weight")
        if part.destination.subset:
            yield _fault("subset", part.destination, "subset")
        if backend.port is None:
            yield _fault("port", part.destination, "port")
        if part.has("headers"):
            yield _fault("ignored", part, "headers", what="a destination's headers")
    if rule.backends and any(part.type == "RequestRedirect" for part in rule.filters):
        yield _fault("redirect", source, "redirect")


def _gateway_faults(resource: Resource) -> Iterator[Finding]:
    for server in IstioGateway.of(resource).servers:
        settings = {"httpsRedirect": server.tls.https_redirect, "credentialName": server.tls.credential_name}
        for key in (key for key, value in settings.items() if value):
            yield _fault("tls", server.tls, key, what=key)
        if any(not host.startswith("./") for host in server.hosts):
            yield _fault("namespaces", server, "hosts")


def _match_faults(source: HTTPRule, rule: RouteRule) -> Iterator[Finding]:
    for match in source.matches:
        if match.uri.has("prefix") and match.uri.prefix != "/":
            paths = (made.path_match for made in rule.written_matches if made.has("path"))
            if any(path and path.kind == "segments" for path in paths):
                yield _fault("prefix", match.uri, "prefix")
        for field in _dropped(match):
            yield _fault("match", source.resource, field)


def _dropped(match: HTTPMatchRequest) -> Iterator[str]:
    conditions = {
        "authority": match.authority,
        "scheme": match.scheme,
        "withoutHeaders": match.without_headers,
        "port": match.port,
        "sourceLabels": match.source_labels,
        "gateways": match.gateways,
        "ignoreUriCase": match.ignore_uri_case,
        "method": match.method and not match.method.has("exact"),
    }
    yield from (match.at(key) for key, value in conditions.items() if value)
    for named in (match.headers, match.query_params):
        yield from (text.path for text in named.values() if not (text.has("exact") or text.has("regex")))


def _passed_over(resources: Iterable[Resource], read: Collection[Resource]) -> Iterator[Finding]:
    for resource in resources:
        if not resource.group.endswith("istio.io") or resource in read:
            continue
        if resource.kind in _UNREAD_KINDS:
            yield _fault("unread", resource, "kind", kind=resource.kind)
        elif resource.kind in _READ_KINDS and resource.version != READ_VERSION:
            yield _fault("unread.version", resource, "apiVersion", version=resource.version)


def _reordered(read: Iterable[Resource]) -> Iterator[Finding]:
    for resource in read:
        if resource.kind == "VirtualService" and len(VirtualService.of(resource).http) > 1:
            yield _fault("order", resource, "spec.http")


def _fault(fault: str, at: Node | Resource, field: str = "", **facts: object) -> Finding:
    return Finding.of(f"{TOOL}-{fault}", at, field, rule="", **facts)

"""What Istio refuses of kinds that the model doesn't decide with, in its words.

[istio/istio: pkg/config/validation, its package envoyfilter]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.istio.admission import forms
from harness.api.istio.envoy_filter import ConfigPatch, EnvoyFilter
from harness.api.istio.extensions import (
    EnvironmentVariable,
    Lua,
    Probe,
    TrafficExtension,
    VmConfig,
    Wasm,
    WorkloadGroup,
)
from harness.api.istio.mesh_config import LogFilter, MetricsOverride, TagOverride, Tracing
from harness.api.refusal import OBJECT, Fault, at_most, each, exclusive, no_longer, within
from harness.base import expressions
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.refusal import Rules

_HOST = re.compile(r"[-A-Za-z0-9._~!$&'()*+,;=@]*(?::[0-9]*)?")
_SCHEMES = ("", "http", "https", "file", "oci")
_PROBES = ("httpGet", "tcpSocket", "exec", "grpc")
_HTTP_MANAGERS = (
    "envoy.filters.network.http_connection_manager",
    "envoy.http_connection_manager",
)
_LISTENERS = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")
_ROUTES = ("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE")
_OBJECTS = ("listener", "routeConfiguration", "cluster", "waypoint")
_LONGEST_VERSION = 1024


def _tag(tag: TagOverride) -> Iterator[str]:
    if tag.operation == "UPSERT" and not tag.value:
        yield "tagOverrides.value must be set when operation is UPSERT"


def _named_tags(tracing: Tracing) -> Iterator[str]:
    if "" in (tracing.data.get("customTags") or {}):
        yield Fault("tag name may not be empty", tracing.at("customTags"))


def _filter(logged: LogFilter) -> Iterator[str]:
    from harness.api.schema import rules  # its engine is needed for these alone

    if fault := rules.syntax_fault(logged.expression):
        yield Fault(f"must be a valid CEL expression, {fault}", logged.at("expression"))


def _removed(tag: TagOverride) -> Iterator[str]:
    if tag.operation == "REMOVE" and tag.has("value"):
        yield f"{OBJECT}value must not be set when operation is REMOVE"


def _url(text: str) -> str:
    scheme, slashes, rest = text.partition("://")
    place = (rest if slashes else text).partition("/")[0]
    if (not slashes or scheme in _SCHEMES) and _HOST.fullmatch(place) and not re.search("[\x00-\x20%]", text):
        return ""
    return f'Invalid value: "{text}": url must have schema one of [http, https, file, oci]'


def _metric(override: MetricsOverride) -> Iterator[str]:
    yield from exclusive("metric", "customMetric")(override.match)


def _variable(variable: EnvironmentVariable) -> Iterator[str]:
    if variable.value_from == "HOST" and variable.has("value"):
        yield f"{OBJECT}value may only be set when valueFrom is INLINE"


def _variables(config: VmConfig) -> Iterator[str]:
    names = [variable.name for variable in config.env]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Fault(f'Duplicate value: {{"name":"{name}"}}', config.entry("env", index))


def _ports(spec: Wasm | TrafficExtension) -> Iterator[str]:
    for index, match in enumerate(spec.data.get("match") or ()):
        numbers = [port.get("number") for port in match.get("ports") or ()]
        for which, number in enumerate(numbers):
            if number in numbers[:which]:
                yield Fault(
                    f'Duplicate value: {{"number":{number}}}', f"{spec.entry('match', index)}.ports[{which}]"
                )


def _either(spec: TrafficExtension) -> Iterator[str]:
    if spec.has("wasm") == spec.has("lua"):
        yield f"{OBJECT}exactly one of wasm or lua must be set"


def _group(group: WorkloadGroup) -> Iterator[str]:
    if words := forms.labels(group.metadata.data.get("labels") or {}):
        yield Fault(f"invalid labels: {words}", group.metadata.at("labels"))


def _probe(probe: Probe) -> Iterator[str]:
    if not any(map(probe.has, _PROBES[:3])):
        yield "unknown health check method <nil>"
    if probe.has("exec") and not probe.command.data.get("command"):
        yield Fault("exec.command is required", probe.command.at("command"))
    for index, header in enumerate(probe.http.data.get("httpHeaders") or ()):
        name = header.get("name") or ""
        if not re.fullmatch("[-A-Za-z0-9]+", name):
            words = (
                f"header name {name} is not a valid header name" if name else "header name cannot be empty"
            )
            yield Fault(words, probe.http.entry("httpHeaders", index))


def _scheme(probe: Probe) -> Iterator[str]:
    scheme = probe.http.data.get("scheme")
    if scheme not in (None, "", "HTTP", "HTTPS"):
        words = f'Invalid value: "{scheme}": scheme must be one of [HTTP, HTTPS]'
        yield Fault(words, probe.http.at("scheme"))


def _patch(patch: ConfigPatch) -> Iterator[str]:
    """The first that is wrong with a patch."""
    match, done = patch.match, patch.patch
    if match.data.get("context") == "WAYPOINT":
        return
    if patch.apply_to in ("", "INVALID"):
        yield "Envoy filter: missing applyTo"
    elif not patch.has("patch"):
        yield "Envoy filter: missing patch"
    elif done.operation in ("", "INVALID"):
        yield Fault("Envoy filter: missing patch operation", done.path)
    elif done.operation != "REMOVE" and not done.has("value"):
        yield Fault("Envoy filter: missing patch value for non-remove operation", done.path)
    elif words := _version(match.proxy.version):
        yield Fault(
            f"Envoy filter: invalid regex for proxy version, [{words}]", match.proxy.at("proxyVersion")
        )
    else:
        yield from _place(patch)


def _version(pattern: str) -> str:
    fault = expressions.fault(pattern, Dialect.GO) if 0 < len(pattern) <= _LONGEST_VERSION else None
    return fault.why if fault and fault.refused else ""


def _place(patch: ConfigPatch) -> Iterator[str]:
    match, applied = patch.match, patch.apply_to
    kinds = {**dict.fromkeys(_LISTENERS, "listener"), **dict.fromkeys(_ROUTES, "routeConfiguration")}
    wanted = {**kinds, "CLUSTER": "cluster"}.get(applied)
    if wanted and any(map(match.has, _OBJECTS)) and not match.has(wanted):
        words = {"listener": "listener", "cluster": "cluster"}.get(wanted, "http route")
        other = {"routeConfiguration": "route configuration"}.get(wanted, wanted)
        yield f"Envoy filter: applyTo for {words} class objects cannot have non {other} match"
        return
    chain = match.listener.filter_chain
    if applied not in _LISTENERS or not chain.has("filter"):
        return
    below, words = chain.filter.data.get("subFilter"), ""
    if not chain.filter.name:
        words = "filter match has no name to match on"
    elif below is not None and applied != "HTTP_FILTER":
        words = "subfilter match can be used with applyTo HTTP_FILTER only"
    elif below is not None and chain.filter.name not in _HTTP_MANAGERS:
        words = f"subfilter match requires filter match with {_HTTP_MANAGERS[0]}"
    elif below is not None and not below.get("name"):
        words = "subfilter match has no name to match on"
    if words:
        yield Fault(f"Envoy filter: {words}", chain.filter.path)


def _selected(spec: EnvoyFilter) -> Iterator[str]:
    if spec.has("targetRefs") and spec.has("workloadSelector"):
        yield f"{OBJECT}only one of targetRefs or workloadSelector can be set"


def _waypoint(patch: ConfigPatch) -> Iterator[str]:
    if patch.has("match") and (patch.match.data.get("context") == "WAYPOINT") != patch.match.has("waypoint"):
        yield Fault(f"{OBJECT}only support waypointMatch when context is WAYPOINT", patch.match.path)
    if patch.has("match"):
        yield from exclusive(*_OBJECTS)(patch.match)


RULES: Rules = {
    LogFilter: (_filter,),
    Tracing: (_named_tags,),
    TagOverride: (_tag,),
    WorkloadGroup: (_group,),
    Probe: (_probe,),
    ConfigPatch: (_patch,),
}
"""What the webhook asks of them."""

DEFINITION: Rules = {
    TagOverride: (_removed,),
    Tracing: (within(0, 100, "randomSamplingPercentage"),),
    Wasm: (each(_url, "url"), _ports),
    VmConfig: (at_most(256, "env"), _variables),
    EnvironmentVariable: (no_longer(2048, "value"), _variable),
    Lua: (no_longer(1 << 16, "inlineCode"),),
    TrafficExtension: (_either, _ports),
    Probe: (exclusive(*_PROBES), _scheme),
    ConfigPatch: (_waypoint,),
    EnvoyFilter: (_selected,),
    MetricsOverride: (_metric,),
}
"""What the definitions of their kinds do."""

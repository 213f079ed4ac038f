"""The estate as it would be without what a translation loses: that must equal what becomes of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.estate import Estate
from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.hosts import MESH
from harness.api.istio.virtual_service import VirtualService
from harness.base.expressions import quoted
from harness.base.resources import Resource
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from harness.analysis.translate.finding import Finding

    Path = tuple[str | int, ...]

_ONE_SIDED = ("rewrite", "mirror", "string-prefix", "retries.gateway")
"""What is lost at the sidecars alone, or at gateways alone: a rule that is for both can't be amended."""
_CONDITIONS = ("from", "to")


def amendable(findings: Iterable[Finding], kept: Collection[Resource]) -> tuple[Finding, ...]:
    """Returns the findings that say of an object what can be taken out of it, for all whom it is for."""
    return tuple(finding for finding in findings if finding.amend and _is_amendable(finding, kept))


def _is_amendable(finding: Finding, kept: Collection[Resource]) -> bool:
    origin = finding.origin
    if origin is None or origin in kept:  # it stays for gateways
        return False
    if origin.kind != VirtualService.KIND[1]:
        return True
    reading = VirtualService.of(origin)
    if finding.amend == "hosts":
        return not any(name.startswith("*") or name.endswith(CLUSTER_DOMAIN) for name in reading.full_hosts)
    if finding.code not in _ONE_SIDED:
        return True
    rewritten = finding.amend == "segments" and any(
        rule.path == finding.field and rule.rewrite for rule in reading.http
    )
    return not rewritten and (MESH not in reading.bound or len(reading.bound) == 1)


def amended(resources: Iterable[Resource], findings: Iterable[Finding]) -> tuple[Resource, ...]:
    """Returns the objects as these findings say that they are translated (see `amend` in findings.yaml)."""
    resources = tuple(resources)
    by_object = grouped((finding.origin.key, finding) for finding in findings if finding.origin)
    kept = (_without(each, by_object.get(each.key, ())) for each in resources)
    estate = Estate(resources)
    services = (
        service
        for finding in chain.from_iterable(by_object.values())
        if finding.amend == "service" and finding.origin
        for service in _subset(estate, finding.origin, finding.field)
    )
    return (*(resource for resource in kept if resource is not None), *services)


def _subset(estate: Estate, rule: Resource, field: str) -> Iterator[Resource]:
    """A subset of a Service as a Service of its own."""
    reading = DestinationRule.of(rule)
    host = estate.host(reading.host, rule.namespace)
    for subset in reading.subsets:
        if subset.path == field and host.service:
            namespace, name = host.key
            data: dict[str, Any] = json.loads(json.dumps(host.service.data))
            data["metadata"] = {"name": f"{name}-{subset.name}", "namespace": namespace}
            data["spec"] = {
                "selector": {**(data["spec"].get("selector") or {}), **subset.labels},
                "ports": [
                    {key: value for key, value in port.items() if key != "nodePort"}
                    for port in data["spec"].get("ports") or ()
                ],
            }
            yield Resource("v1", "Service", namespace, f"{name}-{subset.name}", data)


def _without(resource: Resource, findings: Sequence[Finding]) -> Resource | None:
    if not findings:
        return resource
    if any(finding.amend in ("object", "hosts") for finding in findings):
        return None
    data: dict[str, Any] = json.loads(json.dumps(resource.data))
    for finding in findings:
        if finding.amend == "segments":
            _to_segments(data, finding.field)
    places = {_place(finding) for finding in findings if finding.amend not in ("segments", "service")}
    # From the end, so that places in lists stay what they are.
    for path in sorted(map(_parsed, places), key=_order, reverse=True):
        _remove(data, path)
    return replace(resource, data=data) if _is_whole(resource, data) else None


def _place(finding: Finding) -> str:
    """What of an object goes with a finding: its field, or what is named around it."""
    patterns = {
        "rule": r"spec\.\w+\[\d+\]",
        "match": r"spec\.\w+\[\d+\]\.match\[\d+\]",
        "condition": r"spec\.rules\[\d+\](\.(from|to)\[\d+\])?",
        "tls": r".*?\.tls",
        "retries": r"spec\.http\[\d+\]\.retries",
    }
    found = re.match(patterns.get(finding.amend, ".*"), finding.field)
    return found[0] if found else finding.field


def _parsed(field: str) -> Path:
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]", field)
    return tuple(int(index) if index else name for name, index in parts)


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (0, part) for part in path)


def _remove(data: Any, path: Path) -> None:
    """Takes a part out; a rule whose last match or condition goes takes nothing any more, and goes along."""
    *outer, last = path
    holder = data
    for part in outer:
        holder = _part(holder, part)
    if isinstance(holder, dict):
        holder.pop(last, None)
        if last == "tls" and not holder.keys() - {"port"}:  # a policy that says nothing any more
            _remove(data, tuple(outer))
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder.pop(last)
        if not holder and outer[-1] in ("match", *_CONDITIONS):
            _remove(data, tuple(outer[:-1]))
        elif not holder:
            _remove(data, tuple(outer))


def _part(holder: Any, part: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(part)
    inside = isinstance(holder, list) and isinstance(part, int) and part < len(holder)
    return holder[part] if inside else None


def _to_segments(data: Any, field: str) -> None:
    """Has a rule's prefixes stand for whole segments, as a gateway's routes take them."""
    rule = data
    for part in _parsed(field):
        rule = _part(rule, part)
    for match in (rule or {}).get("match") or ():
        uri = match.get("uri") or {}
        stem = str(uri.get("prefix") or "").rstrip("/")
        if stem and not match.get("ignoreUriCase"):
            match["uri"] = {"regex": f"{quoted(stem)}(/.*)?"}


def _is_whole(resource: Resource, data: dict[str, Any]) -> bool:
    """Whether something is left that does anything."""
    spec = data.get("spec") or {}
    match resource.kind:
        case "VirtualService":
            return any(spec.get(kind) for kind in ("http", "tls", "tcp"))
        case "AuthorizationPolicy":
            return bool(spec.get("rules")) or spec.get("action", "ALLOW") == "ALLOW"
        case "Gateway":
            return bool(spec.get("servers"))
    return True

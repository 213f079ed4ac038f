"""VirtualService: its hosts, gateways and rules."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.headers import HeaderChanges
from harness.api.istio.hosts import MESH, full_host, in_full
from harness.api.objects import Fields, spec_of
from harness.base import grpc
from harness.base.durations import seconds
from harness.base.kept import per_object
from harness.base.matching import TextMatch
from harness.model.istio.routing.cors import Cors
from harness.model.istio.routing.rule import (
    Destination,
    Fault,
    Match,
    Mirror,
    Redirect,
    Retries,
    Rewrite,
    Rule,
)
from harness.model.state.tables import HostTable, per_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base.resources import Resource
    from harness.model.state.state import State


@per_object
def gateways(resource: Resource) -> tuple[str, ...]:
    """Returns the gateways it is bound to, as `namespace/name` or `mesh` (also if it names none)."""
    return in_full(spec_of(resource).get("gateways") or (MESH,), resource.namespace)


@per_object
def hosts(resource: Resource) -> tuple[str, ...]:
    """Returns its hosts in full."""
    return tuple(full_host(host, resource.namespace) for host in spec_of(resource).get("hosts") or ())


@per_state
def by_host(state: State) -> HostTable[Resource]:
    """Returns all VirtualServices by their hosts, older first."""
    every = state.all("networking.istio.io", "VirtualService")
    return HostTable((host, resource) for resource in every for host in hosts(resource))


@per_object
def rules(resource: Resource, gateway: str) -> tuple[Rule, ...]:
    """Returns its own HTTP rules for the sidecars (`mesh`) or for a gateway, in their order.

    What it delegates isn't among them: `delegate.rules` returns all.
    """
    parts = enumerate(spec_of(resource).get("http") or ())
    found = (
        rule(resource, f"spec.http[{i}]", part, gateway) for i, part in parts if not part.get("delegate")
    )
    return tuple(one for one in found if one)


def rule(
    resource: Resource, field: str, part: Fields, gateway: str, wheres: Sequence[str] = ()
) -> Rule | None:
    """Returns one entry of `http` as a rule; None if none of its matches is for the gateway.

    `wheres` are the places of its matches, if they aren't all this entry's own.
    """
    wanted = part.get("match") or ()
    places = wheres or [f"{field}.match[{i}]" for i in range(len(wanted))]
    matches = tuple(_match(resource, *one) for one in zip(places, wanted, strict=True))
    bound = tuple(match for match in matches if not match.gateways or gateway in match.gateways)
    return _rule(resource, field, part, bound) if bound or not matches else None


@per_object
def tls_rules(resource: Resource) -> tuple[Rule, ...]:
    """Returns its rules for TLS that is passed on, by the name that it asks for."""
    return _connection_rules(resource, "tls")


@per_object
def tcp_rules(resource: Resource) -> tuple[Rule, ...]:
    """Returns its rules for connections of which only the address is known."""
    return _connection_rules(resource, "tcp")


def _connection_rules(resource: Resource, kind: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            resource,
            field := f"spec.{kind}[{index}]",
            tuple(
                _connection_match(resource, f"{field}.match[{i}]", match)
                for i, match in enumerate(part.get("match") or ())
            ),
            _destinations(resource, field, part.get("route") or []),
        )
        for index, part in enumerate(spec_of(resource).get(kind) or ())
    )


def _connection_match(resource: Resource, field: str, part: Fields) -> Match:
    return Match(
        field,
        port=part.get("port"),
        source_labels=part.get("sourceLabels") or {},
        source_namespace=part.get("sourceNamespace") or "",
        gateways=in_full(part.get("gateways") or (), resource.namespace),
        sni=tuple(host.lower() for host in part.get("sniHosts") or ()),
        subnets=tuple(part.get("destinationSubnets") or ()),
    )


def _match(resource: Resource, field: str, part: Fields) -> Match:
    ignore_case = bool(part.get("ignoreUriCase"))
    return Match(
        field,
        uri=string_match(part.get("uri"), ignore_case=ignore_case),
        scheme=string_match(part.get("scheme")),
        method=string_match(part.get("method")),
        authority=string_match(part.get("authority")),
        headers=_texts(part.get("headers")),
        without_headers=_texts(part.get("withoutHeaders")),
        query=_texts(part.get("queryParams")),
        port=part.get("port"),
        source_labels=part.get("sourceLabels") or {},
        source_namespace=part.get("sourceNamespace") or "",
        gateways=in_full(part.get("gateways") or (), resource.namespace),
    )


def string_match(part: Fields | None, *, ignore_case: bool = False) -> TextMatch | None:
    """Returns what a StringMatch asks of a text; None for an empty one, which asks for presence."""
    if not part:
        return None
    if "exact" in part:
        return TextMatch("exact", part["exact"], ignore_case)
    if "prefix" in part:
        return TextMatch("prefix", part["prefix"], ignore_case)
    return TextMatch("regex", part["regex"])


def _texts(parts: Fields | None) -> tuple[tuple[str, TextMatch], ...]:
    # An empty match asks for presence, and so does a lone asterisk, which is no regular expression.
    wanted = {name: None if part == {"regex": "*"} else part for name, part in (parts or {}).items()}
    return tuple((name, string_match(part) or TextMatch("present")) for name, part in wanted.items())


def _rule(resource: Resource, field: str, part: Fields, matches: tuple[Match, ...]) -> Rule:
    request, response = _headers(part)
    direct = part.get("directResponse")
    return Rule(
        resource,
        field,
        matches,
        destinations=_destinations(resource, field, part.get("route") or []),
        redirect=_redirect(part["redirect"]) if part.get("redirect") else None,
        direct=(direct["status"], _body(direct.get("body") or {})) if direct else None,
        rewrite=_rewrite(part.get("rewrite") or {}),
        fault=_fault(part.get("fault") or {}),
        timeout=seconds(part.get("timeout")),
        retries=_retries(part.get("retries")),
        request_headers=request,
        response_headers=response,
        mirrors=_mirrors(resource, field, part),
        cors=_cors(part["corsPolicy"]) if part.get("corsPolicy") is not None else None,
    )


def _body(part: Fields) -> str:
    if "bytes" in part:
        return base64.b64decode(part["bytes"]).decode("utf-8", "replace")
    return str(part.get("string", ""))


def _destinations(resource: Resource, field: str, parts: list[Fields]) -> tuple[Destination, ...]:
    found = []
    for index, part in enumerate(parts):
        request, response = _headers(part)
        found.append(
            replace(
                _target(resource, f"{field}.route[{index}]", part["destination"]),
                # A lone destination's weight isn't read; beside others an unset one is 0.
                weight=1 if len(parts) == 1 else part.get("weight", 0),
                request_headers=request,
                response_headers=response,
            )
        )
    return tuple(found)


def _target(resource: Resource, field: str, part: Fields) -> Destination:
    host, port = full_host(part["host"], resource.namespace), (part.get("port") or {}).get("number")
    return Destination(field, host, subset=part.get("subset") or "", port=port)


def _headers(part: Fields) -> tuple[HeaderChanges, HeaderChanges]:
    both = part.get("headers") or {}
    return _changes(both.get("request") or {}), _changes(both.get("response") or {})


def _changes(part: Fields) -> HeaderChanges:
    return HeaderChanges(
        tuple((part.get("set") or {}).items()),
        tuple((part.get("add") or {}).items()),
        tuple(part.get("remove") or ()),
    )


def _redirect(part: Fields) -> Redirect:
    return Redirect(
        status=part.get("redirectCode") or 301,
        path=part.get("uri") or None,
        prefix=part.get("prefixRewrite") or None,
        authority=part.get("authority") or None,
        scheme=part.get("scheme") or None,
        port=part.get("port"),
        keep_port=part.get("derivePort") == "FROM_REQUEST_PORT",
    )


def _rewrite(part: Fields) -> Rewrite:
    authority = part.get("authority") or ""
    regex = part.get("uriRegexRewrite")
    if regex:
        return Rewrite("regex", regex.get("rewrite", ""), regex["match"], authority)
    return Rewrite("match" if part.get("uri") else "", part.get("uri") or "", authority=authority)


def _fault(part: Fields) -> Fault:
    delay, abort = part.get("delay") or {}, part.get("abort") or {}
    named = abort.get("grpcStatus")
    return Fault(
        delay=seconds(delay.get("fixedDelay")) or 0.0,
        delay_percent=_percent(delay, default=delay.get("percent", 0)),
        abort_status=abort.get("httpStatus") or 0,
        abort_grpc=grpc.STATUSES.index(named) if named in grpc.STATUSES else None,
        abort_percent=_percent(abort, default=0),
    )


def _percent(part: Fields, default: float) -> float:
    percentage = part.get("percentage")
    return float(default if percentage is None else percentage.get("value", 0))


def _retries(part: Fields | None) -> Retries:
    if part is None:
        return Retries()
    retry_on = tuple(word.strip() for word in (part.get("retryOn") or "").split(",") if word.strip())
    elsewhere = part.get("retryIgnorePreviousHosts", True)
    return Retries(part.get("attempts", 0), retry_on, seconds(part.get("perTryTimeout")), elsewhere)


def _mirrors(resource: Resource, field: str, part: Fields) -> tuple[Mirror, ...]:
    """Where copies go; nowhere at 0 %."""
    found = []
    if part.get("mirror"):
        share = _percent({"percentage": part.get("mirrorPercentage")}, part.get("mirrorPercent", 100))
        found.append(Mirror(_target(resource, f"{field}.mirror", part["mirror"]), share))
    for index, entry in enumerate(part.get("mirrors") or ()):
        target = _target(resource, f"{field}.mirrors[{index}]", entry["destination"])
        found.append(Mirror(target, _percent(entry, 100)))
    return tuple(mirror for mirror in found if mirror.percent > 0)


def _cors(part: Fields) -> Cors:
    exact = [{"exact": origin} for origin in part.get("allowOrigin") or ()]
    wanted = part["allowOrigins"] if part.get("allowOrigins") is not None else exact
    age = part.get("maxAge")
    return Cors(
        origins=tuple(text for one in wanted if (text := string_match(one))),
        methods=tuple(part.get("allowMethods") or ()),
        headers=tuple(part.get("allowHeaders") or ()),
        exposed=tuple(part.get("exposeHeaders") or ()),
        max_age=str(int(seconds(age) or 0)) if age else "",
        credentials=bool(part.get("allowCredentials")),
        forwards=part.get("unmatchedPreflights") != "IGNORE",
    )

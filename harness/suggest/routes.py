"""What routes on Services have to say: a question for each rule that a request can meet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.analysis.compare import conditions
from harness.analysis.compare.examples import examples
from harness.analysis.compare.relevant import relevant
from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.istio.hosts import MESH
from harness.api.istio.http_rule import HTTPRule
from harness.api.istio.virtual_service import VirtualService
from harness.expectations.policy import denied
from harness.model.network.services import service_ports
from harness.suggest.estate import asked_for, schemes, url
from harness.suggest.question import Origin, Question, Skipped, Topic
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from harness.analysis.compare.examples import Example
    from harness.api.gateway_api.route import RouteRule
    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.model.network.services import ServicePort
    from harness.suggest.estate import Estate
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.trace import Step

_KINDS = (
    VirtualService.KIND,
    (gateway_api.GROUP, "HTTPRoute"),
    (gateway_api.GROUP, "GRPCRoute"),
)
ROUTES = frozenset(kind for _, kind in _KINDS)
EXAMPLES = 200
"""Requests to a Service that are tried, to find one for each rule."""

_RULE = re.compile(r"spec\.(?:http|rules)\[\d+\]")


def questions(estate: Estate) -> Iterator[Question | Skipped]:
    """Yields what to ask about the routes on each Service, in the order of the Services."""
    placed: set[Resource] = set()
    for service in estate.services:
        objects = relevant(estate.state, service).objects
        routes = tuple(route for route in objects if route.kind in ROUTES and _is_of_mesh(route))
        placed.update(routes)
        if routes:
            for port in service_ports(service):
                yield from _of_port(estate, service, port, routes)
    every = (stored.live for kind in _KINDS for stored in estate.state.stored(*kind))
    for route in every:
        if _is_of_mesh(route) and route not in placed:
            yield Skipped(str(route), "it is on no Service of the estate: what answers elsewhere isn't known")


def _is_of_mesh(route: Resource) -> bool:
    """Whether a route acts on calls between workloads."""
    if route.kind == "VirtualService":  # without hosts it is another's delegate
        read = VirtualService.of(route)
        return not read.is_delegate and MESH in read.bound
    return any(parent.kind == "Service" for parent in Route.kept(route).parents)


def _of_port(
    estate: Estate, service: Resource, port: ServicePort, routes: Collection[Resource]
) -> Iterator[Question | Skipped]:
    wanted = conditions.joined(map(conditions.of, routes))
    path = estate.path(service)
    for scheme in schemes(port, path):
        tried, _ = examples(wanted, grpc=scheme == "grpc", limit=EXAMPLES)
        plain = [example for example in tried if not example.host]
        met: set[Origin | None] = set()
        for caller in estate.in_istio(estate.unlike_callers(service)):
            for example in plain:
                target = asked_for(example, wanted, path)
                request = Request(
                    caller, url(service, port, caller, scheme, target), example.method, example.headers
                )
                origin = _met(estate, request, routes)
                if isinstance(origin, Unseen) or origin in met:
                    continue
                met.add(origin)
                subject = f"{_verb(request)}{estate.called(service)}{words(example, target, path)}"
                if caller not in estate.own:
                    subject += f" from {caller}"
                origins = (origin,) if origin else tuple(Origin(route, "spec") for route in routes)
                yield from about(request, subject, origins, estate.behind(service))
        if met:
            yield from unmet(routes, met)
            return


class Unseen:
    """Which rule decides on a request can't be seen."""


def _met(estate: Estate, request: Request, routes: Collection[Resource]) -> Origin | Unseen | None:
    """The rule that decides on a request, None if none does."""
    outcomes = estate.outcomes(request)
    if outcomes is None or any(denied(group.outcome) for group in outcomes.groups):
        return Unseen()
    return rule(outcomes, routes)


def unmet(routes: Iterable[Resource], met: Collection[Origin | None]) -> Iterator[Skipped]:
    """Yields the rules that no request met, and those that aren't for HTTP."""
    for route in routes:
        for entry in _entries(route):
            if Origin(route, entry.path) not in met:
                yield Skipped(f"{route} {entry.path}", "no request that was tried comes to it, and gets in")
        if route.kind == "VirtualService":
            read = VirtualService.of(route)
            for key, rules in (("tls", read.tls), ("tcp", read.tcp)):
                if rules:
                    yield Skipped(f"{route} spec.{key}", "only HTTP is asked")


def rule(outcomes: Outcomes, routes: Collection[Resource]) -> Origin | None:
    """Returns the rule that was taken of these routes, None if none was."""
    steps = (step for group in outcomes.groups for step in group.trace)
    return next((origin for step in steps if (origin := _rule(step, routes))), None)


def _rule(step: Step, routes: Collection[Resource]) -> Origin | None:
    field = _RULE.match(step.field)
    if not field or step.passed_over or step.depth:
        return None
    return next((Origin(route, field.group()) for route in routes if route == step.resource), None)


def about(
    request: Request,
    subject: str,
    origins: tuple[Origin, ...],
    own: frozenset[Workload],
    topic: Topic = Topic.ROUTE,
) -> Iterator[Question]:
    """Yields what to ask about a request that met a rule: who answers, and what the rule adds to that."""
    yield Question(topic, request, subject, origins, own)
    for origin in origins:
        for entry in (entry for entry in _entries(origin.resource) if entry.path == origin.field):
            for field, header in _headers(entry):
                part = Origin(origin.resource, field)
                yield Question(Topic.HEADER, request, subject, (part,), own, header)
            for timed, field, limit in _timed(entry):
                if limit:
                    part = Origin(origin.resource, field)
                    yield Question(timed, request, subject, (part,), own, seconds=limit)


def _entries(route: Resource) -> tuple[HTTPRule | RouteRule, ...]:
    """The rules for requests, as they are written."""
    if route.kind == "VirtualService":
        return VirtualService.of(route).http
    return Route.of(route).written_rules


def _headers(entry: HTTPRule | RouteRule) -> Iterator[tuple[str, str]]:
    """The headers that a rule gives every answer, and by which field."""
    if isinstance(entry, HTTPRule):
        response = entry.headers.response
        for key, names in (("set", response.set), ("add", response.add)):
            yield from ((response.at(key), name.lower()) for name in names)
    else:
        for part in (filter_ for filter_ in entry.filters if filter_.type == "ResponseHeaderModifier"):
            changes = part.header_changes
            yield from ((part.path, name.lower()) for name, _ in (*changes.set, *changes.add))


def _timed(entry: HTTPRule | RouteRule) -> Iterator[tuple[Topic, str, float | None]]:
    """Times in seconds that a rule says, and by which field."""
    if isinstance(entry, HTTPRule):
        yield Topic.DELAY, entry.at("fault"), entry.fault.delay.fixed_delay
        yield Topic.TIME_LIMIT, entry.at("timeout"), entry.timeout
    else:
        yield Topic.TIME_LIMIT, entry.at("timeouts"), entry.request_timeout


def words(example: Example, target: str, path: str) -> str:
    """Returns what distinguishes an example from the plainest request, in words."""
    words = f" {target}" if target != path else ""
    for name, value in example.headers:
        words += f" with {name} {value}"
    return words


def _verb(request: Request) -> str:
    return "" if request.grpc or request.method == "GET" else f"{request.method} "

"""Requests that an estate's configuration may tell apart: examples of what is to be asked of a target."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice, product
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import GROUP, RequestAuthentication
from harness.suggest.candidates import conditions as conditions_of
from harness.suggest.candidates.clients import Caller, classes
from harness.suggest.candidates.examples import Example, examples
from harness.suggest.candidates.relevant import relevant
from harness.traffic.request import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.suggest.candidates.conditions import Conditions
    from harness.suggest.candidates.relevant import Relevant
    from harness.suggest.estate import Estate
    from harness.suggest.targets import Target
    from harness.traffic.request import Request

MOST = 100
"""Requests to one target that are tried."""

_CONDITIONS = 40
"""Conditions on one attribute of requests that are tried."""

_FIRST = 4
"""Examples that every caller sends; further ones only the first callers."""

_UNSIGNED = (("authorization", "Bearer nobody-signed-this"),)


def requests(estate: Estate, target: Target) -> Iterator[Request]:
    """Yields requests to a target, the plainest by the likeliest caller first."""
    return islice(_requests(estate, target), MOST)


def _requests(estate: Estate, target: Target) -> Iterator[Request]:
    if target.port is None:
        yield from (target.request(caller) for caller in estate.callers_of_outside)
        return
    service = target.port.service
    sides = [relevant(state, service) for state in (estate.states[0], estate.states[-1])]
    wanted = conditions_of.joined(_few(side.followed | side.at_server) for side in sides)
    tried, _ = examples(wanted, grpc=target.grpc, limit=MOST)
    plain = [example for example in tried if target.gateway or not example.host]
    callers = [estate.outside] if target.gateway else _callers(estate, service, sides)
    wide = product(plain[:_FIRST], callers)
    deep = ((example, caller) for caller in callers[:2] for example in plain[_FIRST:])
    for example, caller in chain(wide, deep):
        asked = _asked_for(example, wanted, target.path)
        yield target.request(caller, asked, example.method, example.host, example.headers)
    yield from _with_tokens(sides, target.request(callers[0], target.path))


def _with_tokens(sides: Iterable[Relevant], plain: Request) -> Iterator[Request]:
    """The request with what isn't a token, and with one of each issuer that something asks."""
    asking: dict[tuple[str, ...], Resource] = {
        resource.key: resource
        for side in sides
        for resource in side.objects
        if (resource.group, resource.kind) == (GROUP, "RequestAuthentication")
    }
    rules = [rule for policy in asking.values() for rule in RequestAuthentication.of(policy).rules]
    if rules:
        yield replace(plain, headers=(*plain.headers, *_UNSIGNED))
    for rule in rules:
        claims = {"iss": rule.issuer, "sub": "somebody"}
        claims |= {"aud": rule.audiences[0]} if rule.audiences else {}
        yield replace(plain, token=Token.of(claims))


def _callers(estate: Estate, service: Resource, sides: list[Relevant]) -> list[Workload]:
    """One caller of each class that routes and policies can tell apart, the likeliest first."""
    pods = ((caller, estate.pod(caller)) for caller in estate.callers(service))
    apart = classes((Caller(name, pod, pod) for name, pod in pods), sides[0], sides[-1])
    return [caller.workload for caller in apart]


def _few(wanted: Conditions) -> Conditions:
    """The first of many conditions on each attribute."""
    parts = {
        name: frozenset(sorted(getattr(wanted, name), key=str)[:_CONDITIONS])
        for name in wanted.__dataclass_fields__
    }
    return type(wanted)(**parts)


def _asked_for(example: Example, wanted: Conditions, path: str) -> str:
    """An example's path with its query; a path that is answered, where that makes no difference."""
    alike = all(condition.holds(path) == condition.holds(example.path) for condition in wanted.paths)
    return example.target.replace(example.path, path, 1) if alike else example.target

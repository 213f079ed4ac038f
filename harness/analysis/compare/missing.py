"""What configurations say of objects that aren't among the manifests: no request that is decided shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.compare.difference import Difference
from harness.analysis.lint.rule import CHECKS, RULES
from harness.analysis.lint.rules.istio.selection import selecting_nothing
from harness.analysis.lint.rules.pods import of_gateway
from harness.analysis.texts import place
from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.istio.gateway import IstioGateway

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from harness.base.resources import Resource
    from harness.model import State

    Key = tuple[str, str, str, str]

_SHUT = "gateway-credential-missing"
"""The rule about what nothing gets through without, so that nobody sees what else changes behind it."""

_NEEDED = "it names what isn't there, and no request shows what it does: name those manifests, too (--with)"
_WITHOUT = "what it is for isn't there, and no request shows what it does: name those manifests, too (--with)"
_CLOSED = "nothing comes in through it without what it names: name those manifests, too (--with)"
_MUTUAL = "MUTUAL"
_CERTIFICATE = "only clients with a certificate of their own come in through it, and none of them is tried"
_NOTHING = "no request was decided: no Service that can be called is there: name the apps' manifests (--with)"


def undecided(before: State, after: State, classes: int) -> tuple[Difference, ...]:
    """Returns what isn't decided since objects are missing: of what one side says, and the other doesn't.

    A gateway that nothing gets through hides all that is behind it, and so it counts if both sides have it.
    """
    found: dict[tuple[str, str], None] = {}
    for state, other in ((before, after), (after, before)):
        stored = (each.live for each in state.objects.values())
        changed = {each.key for each in stored if other.get(*each.key) != each}
        for resource, why in (*_referring(state, changed), *_shut(state)):
            found[str(resource), why] = None
    if not classes:
        found["the whole estate", _NOTHING] = None
    return tuple(Difference.undecided(what, why) for what, why in found)


def _referring(state: State, changed: Collection[Key]) -> Iterator[tuple[Resource, str]]:
    """What changes and is for, or names, what isn't there; why that isn't decided."""
    for name in (name for name, rule in RULES.items() if rule.refers):
        for sign in CHECKS[name](state):
            resource, field = place(sign.at, sign.field)
            if resource.key in changed:
                yield resource, f"{field}: {_NEEDED}"
    for resource in selecting_nothing(state):
        if resource.key in changed:
            yield resource, _WITHOUT


def _shut(state: State) -> Iterator[tuple[Resource, str]]:
    """The gateways that no client of those that are tried gets through, and why."""
    for sign in CHECKS[_SHUT](state):
        resource, field = place(sign.at, sign.field)
        yield resource, f"{field}: {_CLOSED}"
    for resource in state.all(*IstioGateway.KIND):
        gateway = IstioGateway.kept(resource)
        if not of_gateway(state, gateway.selector):
            yield resource, f"{gateway.at('selector')}: {_CLOSED}"
    yield from untried(state)


def untried(state: State) -> Iterator[tuple[Resource, str]]:
    """Yields the gateways whose servers ask clients for certificates of their own, and why nobody gets in."""
    for resource in state.all(*IstioGateway.KIND):
        for server in IstioGateway.kept(resource).servers:
            if server.tls.mode == _MUTUAL:
                yield resource, f"{server.tls.at('mode')}: {_CERTIFICATE}"
    for resource in state.all(*KubernetesGateway.KIND):
        for listener in KubernetesGateway.kept(resource).listeners:
            if listener.tls and listener.tls.istio_mode == _MUTUAL:
                yield resource, f"{listener.at('tls')}: {_CERTIFICATE}"

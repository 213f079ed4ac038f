"""Who is let in with which requests: a port's rules, cut into parts that routes can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.policy.clients import ACCESS, EVERYBODY, MESHED, Clients, meet_all, simplest
from harness.analysis.translate.route.matches import EVERY, RequestMatch, Text, Unsayable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.translate.estate import PodPort
    from harness.analysis.translate.policy.authorization_policy import Permission, Policy
    from harness.analysis.translate.policy.peer_authentication import Modes
    from harness.base.resources import Resource

MAX_PARTS = 300
"""Parts that the rules of one port may be cut into."""


Conflict = tuple["Policy", "Permission", str]
"""A rule that can't be said as it is, and why."""


@dataclass(frozen=True)
class Part:
    """Requests, and the clients that are let in with them: finer parts come before those that hold them."""

    match: RequestMatch
    clients: tuple[Clients, ...]


@dataclass(frozen=True)
class Admission:
    """The parts of a port's requests, the last one all that is left; `conflicts` couldn't be told apart."""

    parts: tuple[Part, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def uniform(self) -> bool:
        """Whether all requests fare alike."""
        return len(self.parts) == 1


@dataclass(frozen=True, eq=False)
class Rules:
    """The policies that count for pods, and what asks for mutual TLS on each of their ports."""

    policies: tuple[Policy, ...]
    modes: Modes
    namespace: str
    labels: Mapping[str, str]

    def at(self, port: PodPort | None, probes: Iterable[str] = ()) -> Admission:
        """Returns who is let in at a port; None stands for ports that nobody declares."""
        number = port.number if port else None
        strict = self.modes.strict(self.namespace, self.labels, number)
        return admission(
            self.policies, number, meshed=strict is not None, opaque=bool(port and port.opaque), probes=probes
        )

    def origins(self, port: int | None) -> tuple[Resource, ...]:
        """Returns the objects that these rules come from."""
        strict = self.modes.strict(self.namespace, self.labels, port)
        named = tuple(policy.resource for policy in self.policies)
        return (*named, strict.resource) if strict else named

    @property
    def default(self) -> str:
        """The default inbound policy for ports that nobody declares."""
        left = self.at(None)
        return ACCESS.get(left.parts[-1].clients, "deny") if left.uniform else "deny"


def admission(
    policies: Sequence[Policy], port: int | None, *, meshed: bool, opaque: bool, probes: Iterable[str] = ()
) -> Admission:
    """Returns who is let in at a port by these policies; `meshed` keeps plaintext clients out.

    A request is let in if no DENY rule takes it and, where there are ALLOW policies, one of their rules does.
    On an opaque port rules about HTTP allow nothing, and deny as if they said no more than the clients.
    """
    rules = [(policy, permission) for policy in policies for permission in policy.permissions]
    conflicts: list[Conflict] = []
    matches, unsayable = ([EVERY], []) if opaque else _cut(rules, port)
    everybody = (MESHED,) if meshed else (EVERYBODY,)
    closed = any(policy.action == "ALLOW" for policy in policies)
    parts = []
    for match in matches:
        allowing = [
            who
            for policy, rule in rules
            if policy.action == "ALLOW" and _takes(rule, match, port, http=not opaque)
            for who in rule.clients
        ]
        clients = meet_all(allowing, everybody) if closed else everybody
        for policy, rule in rules:
            if policy.action == "DENY" and (
                _takes(rule, match, port, http=True) or (opaque and any(r.on(port) for r in rule.regions))
            ):
                clients = _without(clients, policy, rule, conflicts)
        parts.append(Part(match, clients))
    by_match = {part.match: part.clients for part in parts}
    # What can't be told apart matters only where the two fare differently.
    conflicts += [conflict for match, other, conflict in unsayable if by_match[match] != by_match[other]]
    kept = _needed(parts)
    if len(kept) > 1:
        kept = _needed(_with_probes(kept, probes))
    return Admission(tuple(kept), tuple(dict.fromkeys(conflicts)))


def _takes(rule: Permission, match: RequestMatch, port: int | None, *, http: bool) -> bool:
    """Whether a rule takes all requests of a match; without `http` none does that asks anything of HTTP."""
    return any(
        region.on(port) and region.covers(match) and (http or (region.match == EVERY and not region.unless))
        for region in rule.regions
    )


def _cut(
    rules: Sequence[tuple[Policy, Permission]], port: int | None
) -> tuple[list[RequestMatch], list[tuple[RequestMatch, RequestMatch, Conflict]]]:
    """All matches that rules name, and all that several have in common, finer ones first.

    And the pairs of which no match says what they have in common.
    """
    origins: dict[RequestMatch, tuple[Policy, Permission]] = {}
    for policy, rule in rules:
        for region in rule.regions:
            for match in (region.match, *region.unless) if region.on(port) else ():
                origins.setdefault(match, (policy, rule))
    matches = [EVERY, *(match for match in origins if match != EVERY)]
    unsayable = []
    for index, match in enumerate(matches):  # grows while it is gone through
        for other in tuple(matches[:index]):
            try:
                both = match.meet(other)
            except Unsayable as error:
                unsayable.append((match, other, (*origins[match], f"no route takes what is {error}")))
                continue
            if both is None or both in origins or both == EVERY:
                continue
            if len(matches) >= MAX_PARTS:
                why = f"more than {MAX_PARTS} kinds of requests"
                unsayable.append((match, other, (*origins[match], why)))
                continue
            matches.append(both)
            origins[both] = origins[match]
    return _finer_first(matches), unsayable


def _finer_first(matches: Iterable[RequestMatch]) -> list[RequestMatch]:
    matches = list(matches)
    held = {match: sum(match.covers(other) for other in matches) for match in matches}
    return sorted(matches, key=lambda match: (held[match], match == EVERY))


def _without(
    clients: tuple[Clients, ...], policy: Policy, rule: Permission, conflicts: list[Conflict]
) -> tuple[Clients, ...]:
    """The clients that a DENY rule leaves; those that no authentication can leave out stay."""
    for denied in rule.clients:
        left = meet_all(clients, denied.others())
        if all(rest.sayable for rest in left):
            clients = left
        else:
            conflicts.append((policy, rule, "Linkerd's authentications can't leave single clients out"))
    return simplest(clients)


def _with_probes(parts: Sequence[Part], paths: Iterable[str]) -> list[Part]:
    """Opens the paths that the kubelet asks for: routes on a Server end what Linkerd does by itself."""
    by_match = {part.match: part for part in parts}
    for path in paths:
        probe = RequestMatch(Text("exact", path), "GET")
        by_match[probe] = Part(probe, (EVERYBODY,))
    return [by_match[match] for match in _finer_first(by_match)]


def _needed(parts: Sequence[Part]) -> list[Part]:
    """The parts without those that fare like all that hold them: the next one takes their requests."""
    kept: list[Part] = list(parts)
    for part in parts:
        if part.match == EVERY:
            continue
        wider = [other for other in kept if other is not part and other.match.covers(part.match)]
        overlapping = [other for other in kept if other is not part and _overlap(other.match, part.match)]
        if all(other.clients == part.clients for other in (*wider, *overlapping)):
            kept.remove(part)
    return kept


def _overlap(match: RequestMatch, other: RequestMatch) -> bool:
    try:
        return match.meet(other) is not None
    except Unsayable:
        return True

"""Who answered a probe's requests, and how the way there was protected: by answers and by counters."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.cluster.objects import pods, services
from harness.cluster.probing.answers import answering_pods, outcome
from harness.cluster.probing.tls_evidence import agreed, by_headers, by_wire, confirmed
from harness.traffic.outcomes import Group, Outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.base.vocabulary import Mesh
    from harness.cluster.api.client import Client
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.probing.answers import CurlAnswer
    from harness.cluster.probing.counters import Counters
    from harness.cluster.probing.sources import Sources
    from harness.cluster.probing.tls_evidence import Shown
    from harness.traffic.outcomes import Hop, Outcome
    from harness.traffic.request import Request


def outcomes(
    client: Client,
    planes: Mapping[Mesh, ControlPlane],
    sources: Sources,
    request: Request,
    answers: Sequence[CurlAnswer],
    before: Counters,
    after: Counters,
    looks: Mapping[str, Shown],
) -> Outcomes:
    """Returns answers with the workload that gave each, and its hop, where one is shown.

    `before` and `after` are the counters of the proxies that may be the servers', `looks` what the ports of
    servers' pods show on the wire.
    """
    known = sources.owners
    named = [answering_pods(answer, known) for answer in answers]
    counted = {
        name: plane.witness(before[name][1], text, max(1, sum(one == {name} for one in named)))
        for name, (plane, text) in after.items()
        if name in before
    }
    fallback = _servers(client, request) if not all(named) else None
    groups = []
    for answer, names in zip(answers, named, strict=True):
        plain = outcome(answer, request)
        hop = None
        if plain.failure is None:
            shown = _by_headers(plain, names, sources, fallback, planes)
            hop = agreed((shown, _by_counters(names, counted)), str(request))
            hop = _on_the_wire(hop, names, looks, sources, str(request))
        backend = known[min(names)] if names else None
        groups.append(Group(replace(plain, backend=backend, hop=hop), Fraction(1)))
    return Outcomes(tuple(groups), len(groups))


def _by_headers(
    found: Outcome,
    names: frozenset[str],
    sources: Sources,
    fallback: frozenset[Mesh] | None,
    planes: Mapping[Mesh, ControlPlane],
) -> Hop | None:
    if names:
        kinds = {pods.meshes(pod) for name in names for pod in sources.known[name].values()}
        return by_headers(found.server_saw, kinds.pop(), planes) if len(kinds) == 1 else None
    return by_headers(found.server_saw, fallback, planes) if found.server_saw else None


def _servers(client: Client, request: Request) -> frozenset[Mesh] | None:
    """The proxies in the pods behind the URL's Service, if they are the same in all of them."""
    try:
        kinds = {pods.meshes(pod) for pod in services.behind(client, request).pods}
    except HarnessError:
        return None
    return kinds.pop() if len(kinds) == 1 else None


def _by_counters(names: frozenset[str], counted: Mapping[str, Hop | None]) -> Hop | None:
    """What the answering pod's proxy counted; of an unknown pod, what all that counted anything say."""
    if len(names) == 1:
        return counted.get(min(names))
    told = {(hop.mutual, hop.mesh, hop.client): hop for hop in counted.values() if hop is not None}
    return next(iter(told.values())) if len(told) == 1 else None


def _on_the_wire(
    hop: Hop | None,
    names: frozenset[str],
    looks: Mapping[str, Shown],
    sources: Sources,
    where: str,
) -> Hop | None:
    """The hop confirmed by what the answering pod's port shows; of an unknown pod, by what all of them do."""
    looked = {name: looks[name] for name in names & looks.keys()} or ({} if names else dict(looks))
    servers = {name: _mesh(sources, name) for name in looked}
    said = {name: by_wire(shown, servers[name]) for name, shown in looked.items()}
    if len({one and (one.mutual, one.mesh) for one in said.values()}) > 1:
        return hop  # pods that differ: which of them answered isn't known
    for name, shown in looked.items():
        hop = confirmed(hop, shown, servers[name], where)
    return hop


def _mesh(sources: Sources, name: str) -> Mesh | None:
    """The mesh whose proxy is in the pods of this name; None for none, or several."""
    found = {mesh for pod in sources.known[name].values() for mesh in pods.meshes(pod)}
    return found.pop() if len(found) == 1 else None

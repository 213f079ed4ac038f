"""Who answered a probe's requests, and how the last hop was protected, by all who witnessed it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from harness.base import HarnessError, Mesh
from harness.base.errors import WitnessError
from harness.cluster.objects import pods
from harness.cluster.probing import services
from harness.cluster.probing.answers import answering_pods, outcome
from harness.traffic.outcomes import Group, Hop, Outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.cluster.api import Client
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.probing.answers import CurlAnswer
    from harness.cluster.probing.counters import Counters
    from harness.cluster.probing.sources import Sources
    from harness.traffic.outcomes import ServerSaw
    from harness.traffic.request import Request

T = TypeVar("T")

UNMESHED = Hop(False, witnesses=("no proxy in the server's pod",))

_IDENTITIES = {
    Mesh.ISTIO: re.compile(r"spiffe://[^/]+/ns/[^/]+/sa/[^/]+"),
    Mesh.LINKERD: re.compile(r"[^.]+\.[^.]+\.serviceaccount\.identity\..+"),
}


@dataclass(frozen=True)
class Shown:
    """What a server's port shows to a client that has no part in any mesh.

    `names` are those in its certificate, none if it has none; `asks` tells whether it wants the client's
    certificate; `plaintext` whether it takes plaintext (None: that isn't known).
    """

    where: str
    names: tuple[str, ...] = ()
    asks: bool = False
    plaintext: bool | None = None

    def identity(self, mesh: Mesh | None) -> str | None:
        """The identity in the certificate, if it is one of this mesh."""
        if mesh is None:
            return None
        return next((name for name in self.names if _IDENTITIES[mesh].fullmatch(name)), None)


def by_headers(
    saw: ServerSaw | None, server: frozenset[Mesh] | None, planes: Mapping[Mesh, ControlPlane]
) -> Hop | None:
    """Returns what an application's answer shows, if `server`, the proxies in its pod, is known.

    Only the server's own mesh is believed: each lets the other's header pass. Without a proxy
    nothing at the server could have ended a mesh's TLS.
    """
    if server is None or len(server) > 1:
        return None
    if not server:
        return UNMESHED
    plane = planes[next(iter(server))]
    return plane.identity(saw) if saw else None


def by_wire(shown: Shown, server: Mesh | None) -> Hop | None:
    """Returns what a server's port shows of every hop to it; None where it leaves both ways open.

    `server` is the mesh whose proxy is in its pod. Without a certificate nothing there can be mutual TLS;
    where plaintext is refused nothing else can be.
    """
    if not shown.names and shown.plaintext:
        return Hop(False, witnesses=(f"no certificate, and plain HTTP, at {shown.where} (openssl s_client)",))
    identity = shown.identity(server)
    if identity and shown.asks and shown.plaintext is False:
        words = f"the certificate of {identity}, and plaintext refused, at {shown.where} (openssl s_client)"
        return Hop(True, server, None, (words,), identity)
    return None


def confirmed(hop: Hop | None, shown: Shown, server: Mesh | None, where: str) -> Hop | None:
    """Returns the hop with what is seen on the wire as one more witness, where that tells something.

    Raises WitnessError if it contradicts the others: by the way itself, or by the server's identity.
    """
    seen, identity = by_wire(shown, server), shown.identity(server)
    if seen is None and identity and hop is not None and hop.mutual:
        words = f"the certificate of {identity} at {shown.where} (openssl s_client)"
        seen = Hop(True, server, None, (words,), identity)
    return agreed((hop, seen), where)


def agreed(hops: Iterable[Hop | None], where: str) -> Hop | None:
    """Returns one hop with all its witnesses; None if there are none.

    Raises WitnessError if they contradict each other.
    """
    shown = [hop for hop in hops if hop is not None]
    if not shown:
        return None
    clients = {hop.client for hop in shown if hop.client}
    servers = {hop.server for hop in shown if hop.server}
    if len({(hop.mutual, hop.mesh) for hop in shown}) > 1 or len(clients) > 1 or len(servers) > 1:
        raise _contradiction(shown, where)
    witnesses = dict.fromkeys(witness for hop in shown for witness in hop.witnesses)
    return Hop(
        shown[0].mutual, shown[0].mesh, next(iter(clients), None), tuple(witnesses), next(iter(servers), None)
    )


def _contradiction(hops: Iterable[Hop], where: str) -> WitnessError:
    words = (
        f"{', '.join(hop.witnesses)}: {hop}" + (f", to {hop.server}" if hop.server else "") for hop in hops
    )
    return WitnessError(
        "the witnesses of this hop disagree, so how it was protected isn't known",
        where=where,
        why="; ".join(words),
        todo="probe again; other clients' traffic at that moment may have confused the counters",
    )


def attributed(
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
    owners = sources.owners
    named = [answering_pods(answer, owners) for answer in answers]
    counted = {
        name: plane.witness(before[name][1], text, max(1, sum(names == {name} for names in named)))
        for name, (plane, text) in after.items()
        if name in before
    }
    fallback = _servers(client, request) if not all(named) else None
    groups = []
    for answer, names in zip(answers, named, strict=True):
        plain = outcome(answer, request)
        hop = None
        if plain.failure is None:
            known = [pods.meshes(pod) for name in names for pod in sources.known[name].values()]
            server = _only(known) if names else fallback
            shown = by_headers(plain.server_saw, server, planes) if names or plain.server_saw else None
            hop = agreed((shown, _by_counters(names, counted)), str(request))
            hop = _on_the_wire(hop, names, looks, sources, str(request))
        backend = owners[min(names)] if names else None
        pod = min(names) if len(names) == 1 else ""
        groups.append(Group(replace(plain, backend=backend, hop=hop, pod=pod), Fraction(1)))
    return Outcomes(tuple(groups), len(groups))


def _servers(client: Client, request: Request) -> frozenset[Mesh] | None:
    """The proxies in the pods behind the URL's Service, if they are the same in all of them."""
    try:
        return _only(map(pods.meshes, services.behind(client, request).pods))
    except HarnessError:
        return None


def _only(values: Iterable[T]) -> T | None:
    """The value that all are; None if they differ, or there is none."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _by_counters(names: frozenset[str], counted: Mapping[str, Hop | None]) -> Hop | None:
    """What the answering pod's proxy counted; of an unknown pod, what all that counted anything say."""
    if len(names) == 1:
        return counted.get(min(names))
    ways = {(hop.mutual, hop.mesh, hop.client): hop for hop in counted.values() if hop is not None}
    return next(iter(ways.values())) if len(ways) == 1 else None


def _on_the_wire(
    hop: Hop | None, names: frozenset[str], looks: Mapping[str, Shown], sources: Sources, where: str
) -> Hop | None:
    """The hop confirmed by what the answering pod's port shows; of an unknown pod, by what all of them do."""
    looked = {name: looks[name] for name in names & looks.keys()} or ({} if names else dict(looks))
    servers = {
        name: _only(mesh for pod in sources.known[name].values() for mesh in pods.meshes(pod))
        for name in looked
    }
    seen = {name: by_wire(shown, servers[name]) for name, shown in looked.items()}
    if len({way and (way.mutual, way.mesh) for way in seen.values()}) > 1:
        return hop  # pods that differ: which of them answered isn't known
    for name, shown in looked.items():
        hop = confirmed(hop, shown, servers[name], where)
    return hop

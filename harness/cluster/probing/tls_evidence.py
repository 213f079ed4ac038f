"""How an answer's last hop was protected, by all who witnessed it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.errors import WitnessError
from harness.base.vocabulary import Mesh
from harness.traffic.outcomes import Hop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.cluster.control_plane import ControlPlane
    from harness.traffic.outcomes import ServerSaw

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
        said = f"the certificate of {identity}, and plaintext refused, at {shown.where} (openssl s_client)"
        return Hop(True, server, None, (said,), identity)
    return None


def confirmed(hop: Hop | None, shown: Shown, server: Mesh | None, where: str) -> Hop | None:
    """Returns the hop with what is seen on the wire as one more witness, where that tells something.

    Raises WitnessError if it contradicts the others: by the way itself, or by the server's identity.
    """
    seen, identity = by_wire(shown, server), shown.identity(server)
    if seen is None and identity and hop is not None and hop.mutual:
        said = f"the certificate of {identity} at {shown.where} (openssl s_client)"
        seen = Hop(True, server, None, (said,), identity)
    return agreed((hop, seen), where)


def agreed(hops: Iterable[Hop | None], where: str) -> Hop | None:
    """Returns one hop with all its witnesses; None if there are none.

    Raises WitnessError if they contradict each other.
    """
    told = [hop for hop in hops if hop is not None]
    if not told:
        return None
    clients = {hop.client for hop in told if hop.client}
    servers = {hop.server for hop in told if hop.server}
    if len({(hop.mutual, hop.mesh) for hop in told}) > 1 or len(clients) > 1 or len(servers) > 1:
        raise _contradiction(told, where)
    witnesses = dict.fromkeys(witness for hop in told for witness in hop.witnesses)
    return Hop(
        told[0].mutual,
        told[0].mesh,
        next(iter(clients), None),
        tuple(witnesses),
        next(iter(servers), None),
    )


def _contradiction(hops: Iterable[Hop], where: str) -> WitnessError:
    said = (
        f"{', '.join(hop.witnesses)}: {hop}" + (f", to {hop.server}" if hop.server else "") for hop in hops
    )
    return WitnessError(
        "the witnesses of this hop disagree, so how it was protected isn't known",
        where=where,
        why="; ".join(said),
        todo="probe again; other clients' traffic at that moment may have confused the counters",
    )

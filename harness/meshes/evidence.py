"""How an answer's last hop was protected, by all who witnessed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.traffic.outcomes import Hop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.meshes.base import ControlPlane
    from harness.traffic.outcomes import ServerSaw
    from harness.vocabulary import Mesh

UNMESHED = Hop(False, witnesses=("no proxy in the server's pod",))


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


def agreed(hops: Iterable[Hop | None], where: str) -> Hop | None:
    """Returns one hop with all its witnesses; None if there are none.

    Raises HarnessError if they contradict each other: then nothing is known.
    """
    told = [hop for hop in hops if hop is not None]
    if not told:
        return None
    if (
        len({(hop.mutual, hop.mesh) for hop in told}) > 1
        or len({hop.client for hop in told if hop.client}) > 1
    ):
        raise HarnessError(
            "the witnesses of this hop disagree, so how it was protected isn't known",
            where=where,
            why="; ".join(f"{', '.join(hop.witnesses)}: {hop}" for hop in told),
            todo="probe again; other clients' traffic at that moment may have confused the counters",
        )
    client = next((hop.client for hop in told if hop.client), None)
    witnesses = dict.fromkeys(witness for hop in told for witness in hop.witnesses)
    return Hop(told[0].mutual, told[0].mesh, client, tuple(witnesses))

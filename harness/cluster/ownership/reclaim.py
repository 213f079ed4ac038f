"""What runs left behind that ended before they could clean up: found by its lease, listed, taken away."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.base import HarnessError
from harness.cluster.api import NAMESPACES, ApiError, Client, Deadline, Discovery, Endpoint, find, run, timed
from harness.cluster.api.discovery import root, served
from harness.cluster.objects.apply import Applier
from harness.cluster.objects.docker import Kind
from harness.cluster.objects.rollout import restart
from harness.cluster.ownership import ownership
from harness.cluster.ownership.guest import GUEST, RUN, Guest
from harness.cluster.ownership.ownership import MANAGED_BY, Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.cluster.ownership.ownership import Lease, Record

logger = logging.getLogger(__name__)

JOURNAL = "patched.json"
"""The file of a lease that keeps what patched objects of someone else's were like."""

_SECONDS = 120.0


@dataclass(frozen=True)
class Leftover:
    """What a dead run left, with its lease, which is held meanwhile; `kept` was meant to stay."""

    what: str
    lease: Lease
    record: Record | None
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.what} (process {self.record.pid}, {self.record.since})" if self.record else self.what

    def remove(self, kind: Kind | None) -> None:
        """Takes it away, and its lease; raises HarnessError, and then keeps the lease, if it can't."""
        try:
            if self.record and self.record.provider == ownership.CONTEXT:
                guests(Client(self.lease.kubeconfig), self.record.run, self.lease)
            elif self.record and kind is not None:
                cluster(self.lease, self.record.name, kind)
        except HarnessError:
            self.lease.release()
            raise
        self.lease.remove()


def leftovers(kind: Kind | None) -> Iterator[Leftover]:
    """Yields what no live run uses; without `kind` (no Docker here) no kind clusters."""
    clusters = kind.clusters() if kind else frozenset()
    for lease in ownership.abandoned():
        record = lease.record
        if record is None:
            yield Leftover(f"directory {lease.directory.name}", lease, None)
        elif record.provider == ownership.CONTEXT:
            yield Leftover(f"namespaces and objects in context {record.name}", lease, record)
        elif kind is None:
            lease.release()
        else:
            there = record.name in clusters
            what = f"kind cluster {record.name}" + ("" if there else " (gone: its directory)")
            yield Leftover(what, lease, record, there and record.lasting and record.complete)


def dead_runs(kind: Kind) -> None:
    """Deletes the kind clusters of dead runs that weren't meant to stay; warns of what can't be deleted."""
    _reclaim(kind, lambda record: record is None or record.provider == ownership.KIND)


def dead_guests(context: str) -> None:
    """Takes away what dead runs left in a context's cluster; warns of what can't be taken away."""
    _reclaim(None, lambda record: record is not None and record.name == context)


def _reclaim(kind: Kind | None, meant: Callable[[Record | None], bool]) -> None:
    for leftover in leftovers(kind):
        if leftover.kept or not meant(leftover.record):
            leftover.lease.release()
            continue
        try:
            with timed(logger, f"reclaimed {leftover.what}, left by a run that was killed"):
                leftover.remove(kind)
        except HarnessError as error:
            logger.warning("%s, left by a run that was killed, can't be reclaimed: %s", leftover.what, error)


def cluster(lease: Lease, name: str, kind: Kind) -> None:
    """Deletes a kind cluster, made or half made, and all that is known of it; the lease stays."""
    record = lease.record
    kind.delete(name, lease.directory, strays=not (record and record.complete))
    Journal(name).forget()
    for path in lease.directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != ownership.LOCK:
            path.unlink()


def namespaces(client: Client, deadline: Deadline) -> None:
    """Deletes the namespaces that runs left in a cluster of the harness's own; a guest's aren't theirs."""
    [(label, value)] = MANAGED_BY.items()
    left = set(_labelled(client, label, value)) - set(_labelled(client, RUN))
    if left:
        with timed(logger, f"reclaimed namespaces {', '.join(sorted(left))}"):
            Applier(client, Discovery(client)).delete_namespaces(sorted(left), deadline)


def left(client: Client, run: str) -> bool:
    """Whether something of a run is left in a cluster of someone else's."""
    return any(_labelled(client, label, run) for label in (RUN, GUEST))


def guests(client: Client, run: str, lease: Lease) -> None:
    """Takes away what a run made in a cluster of someone else's, and gives back what it changed.

    Workloads whose namespace was under another mesh meanwhile are restarted. Raises HarnessError.
    """
    discovery, deadline = Discovery(client), Deadline(_SECONDS)
    guest = Guest(client, discovery, run, lease.directory / JOURNAL)
    borrowed = _labelled(client, GUEST, run)
    for namespace in borrowed:
        for endpoint in _kinds(client):
            for name in _made(client, endpoint, namespace, run):
                _delete(client, endpoint.path(namespace, name))
    guest.recall()
    guest.restore()
    for namespace in borrowed:
        if guest.unmark(namespace):
            restart(client, namespace)
    guest.delete_namespaces(_labelled(client, RUN, run), deadline)


def _labelled(client: Client, label: str, value: str | None = None) -> list[str]:
    """The namespaces that have a label, with any value if none is given."""
    selector = label if value is None else f"{label}={value}"
    listed = client.list(NAMESPACES.collection(), {"labelSelector": selector})
    return [Metadata.live(item).name for item in listed]


def _kinds(client: Client) -> Iterator[Endpoint]:
    """The kinds whose objects live in namespaces and can be deleted."""
    groups = client.get("/apis").get("groups") or ()
    for version in ("v1", *(group["preferredVersion"]["groupVersion"] for group in groups)):
        for entry in served(client.get(root(version))):
            if {"list", "delete"} <= set(entry["verbs"]) and entry["namespaced"] and entry["kind"] != "Event":
                yield Endpoint(version, entry["name"], namespaced=True)


def _made(client: Client, endpoint: Endpoint, namespace: str, run: str) -> list[str]:
    """The objects of a kind that a run has made in a namespace.

    What an account may not even list it can hardly have made: that doesn't keep the rest.
    """
    try:
        listed = client.list(endpoint.collection(namespace), {"labelSelector": f"{RUN}={run}"})
    except ApiError as error:
        if error.status != 403:
            raise
        logger.info("%s in %s may not be listed: none is looked for", endpoint.plural, namespace)
        return []
    return [Metadata.live(item).name for item in listed]


def _delete(client: Client, path: str) -> None:
    try:
        client.call("DELETE", path, query={"propagationPolicy": "Background"})
    except ApiError as error:
        if error.status != 404:
            raise


def clean(*, remove: bool, kept: bool) -> Iterator[str]:
    """Yields a line for each thing that was left, and removes it if asked; `kept` clusters only if asked too.

    Raises HarnessError at the end for what couldn't be removed.
    """
    kind = Kind(run) if find("kind") and find("docker") else None
    failures: list[str] = []
    count = 0
    for leftover in leftovers(kind):
        if leftover.kept and not kept:
            leftover.lease.release()
            yield f"kept     {leftover}: removed with --kept"
            continue
        count += 1
        if not remove:
            leftover.lease.release()
            yield f"left     {leftover}"
            continue
        try:
            leftover.remove(kind)
        except HarnessError as error:
            failures.append(f"{leftover.what}: {error}")
            yield f"failed   {leftover}"
        else:
            yield f"removed  {leftover}"
    for record in ownership.held():
        yield f"in use   {record.provider} {record.name} (process {record.pid}, {record.since})"
    if not count:
        yield "dead runs left nothing"
    elif not remove:
        yield "remove it: harness clean --yes"
    if failures:
        raise HarnessError("not all could be removed", why="\n       ".join(failures), todo="try again")

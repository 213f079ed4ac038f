"""What a cluster looked like when an expectation failed: a folder to read when the cluster is gone."""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.kubernetes.status import Event
from harness.base import HarnessError, Mesh
from harness.base.vocabulary import CONTROL_PLANES
from harness.cluster.api import EVENTS, PODS, Deadline
from harness.cluster.api.streams import get
from harness.cluster.objects import pods
from harness.manifests import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from harness.base import Resource
    from harness.cluster.api import Client, Discovery, Json, Query

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ENVOY_ADMIN, _LINKERD_ADMIN = 15000, 4191
# Envoy's certificates and keys have a section of their own in its dump, which nobody needs here.
_ENVOY_PARTS = ("bootstrap", "dynamic_active_clusters", "dynamic_listeners", "dynamic_route_configs")

Part = tuple[str, "Callable[[], str]"]
"""A file's name in the bundle, and what reads its text."""


@dataclass(frozen=True)
class Limits:
    """How much is written (bytes), and how long it may take (seconds)."""

    file: int = 1 << 20
    total: int = 50 << 20
    log_lines: int = 2000
    seconds: float = 60.0
    parallel: int = 8


@dataclass
class Bundle:
    """A folder of its owner's alone, filled up to its limits; what is left out, and why, stands in it too."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    _written: int = 0
    _missing: list[str] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """Writes a file: its end, if it is too long, and nothing, if the bundle is full."""
        data = text.encode()
        if len(data) > self.limits.file:
            cut = f"(the first {len(data) - self.limits.file} bytes are left out)\n".encode()
            data = cut + data[-self.limits.file :]
        if self._written + len(data) > self.limits.total:
            self.lack(name, "the bundle is full")
            return
        self._written += len(data)
        self._put(name, data)

    def lack(self, name: str, why: str) -> None:
        self._missing.append(f"{name}: {why}")

    def close(self) -> None:
        if self._missing:
            self._put("missing.txt", "".join(f"{line}\n" for line in sorted(self._missing)).encode())

    def _put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(data)


def collect(
    client: Client,
    discovery: Discovery,
    namespaces: Collection[str],
    applied: Iterable[Resource],
    folder: Path,
    limits: Limits | None = None,
) -> None:
    """Fills a folder with what namespaces and control planes are like, and what became of applied objects.

    Of Secrets there are names alone. What can't be had is noted in `missing.txt`; nothing is raised.
    """
    limits = limits or Limits()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bundle, deadline = Bundle(folder, limits), Deadline(limits.seconds)
    work = [
        *_of_objects(client, discovery, applied),
        *_of_namespaces(client, {*namespaces, *CONTROL_PLANES.values()}, bundle, limits, deadline),
    ]

    def do(name: str, read: Callable[[], str]) -> None:
        if deadline.over:
            bundle.lack(name, f"not within {limits.seconds:.0f} s")
            return
        try:
            text = read()
        except HarnessError as error:
            bundle.lack(name, str(error))
        else:
            if text:
                bundle.write(name, text)

    with ThreadPoolExecutor(limits.parallel) as pool:
        for done in [pool.submit(do, name, read) for name, read in work]:
            done.result()
    bundle.close()


def _of_namespaces(
    client: Client, namespaces: Iterable[str], bundle: Bundle, limits: Limits, deadline: Deadline
) -> Iterator[Part]:
    for namespace in sorted(namespaces):
        try:
            listed = client.list(PODS.collection(namespace))
            events = client.list(EVENTS.collection(namespace))
        except HarnessError as error:
            bundle.lack(f"{namespace}/", str(error))
            continue
        if listed:
            yield f"{namespace}/pods.yaml", partial(_yaml, listed)
        if events:
            yield f"{namespace}/events.txt", partial(_events, events)
        for pod in listed:
            yield from _of_pod(client, pod, limits, deadline)


def _of_pod(client: Client, pod: Json, limits: Limits, deadline: Deadline) -> Iterator[Part]:
    namespace, name = pods.namespace(pod), pods.name(pod)
    path, folder = PODS.path(namespace, name), f"{namespace}/{name}"
    for status in pods.status(pod).of_template:
        for previous in (False, True) if status.restarts else (False,):
            query: Query = {
                "container": status.name,
                "tailLines": limits.log_lines,
                "timestamps": "true",
                "previous": str(previous).lower(),
            }
            suffix = ".previous" if previous else ""
            yield (
                f"{folder}/{status.name}{suffix}.log",
                partial(client.text, "GET", f"{path}/log", query=query),
            )
    if not pods.running(pod):
        return
    if Mesh.ISTIO in pods.meshes(pod):
        admin = partial(get, client, namespace, name, _ENVOY_ADMIN)
        for part in _ENVOY_PARTS:
            dump = f"/config_dump?resource={part}" if part != "bootstrap" else "/config_dump?mask=bootstrap"
            yield f"{folder}/envoy/{part}.json", partial(admin, dump, deadline)
        yield f"{folder}/envoy/clusters.txt", partial(admin, "/clusters", deadline)
    if Mesh.LINKERD in pods.meshes(pod):
        metrics = f"{path}:{_LINKERD_ADMIN}/proxy/metrics"
        yield f"{folder}/linkerd-proxy.metrics", partial(client.text, "GET", metrics)


def _of_objects(client: Client, discovery: Discovery, applied: Iterable[Resource]) -> Iterator[Part]:
    for resource in applied:
        name = f"objects/{resource.namespace or '_cluster'}/{resource.kind}-{resource.name}.diff"
        yield name, partial(_difference, client, discovery, resource)


def _difference(client: Client, discovery: Discovery, resource: Resource) -> str:
    """An object as it was applied, and what the cluster made of it."""
    live = client.find(discovery.path(resource))
    now = dumps.cleaned(live, resource.namespace, running=False) if live else None
    before, after = (_yaml([data]) if data else "" for data in (resource.data, now))
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "applied", "live" if live else "gone", lineterm="", n=1000
    )
    return "\n".join(lines) or f"# live as it was applied\n{before}"


def _yaml(objects: Iterable[Json]) -> str:
    return yaml.safe_dump_all(map(without_secrets, objects), sort_keys=True, default_flow_style=False)


def without_secrets(data: Json) -> dict[str, Any]:
    """Returns an object without a Secret's data, and without kubectl's copy of it."""
    metadata = {key: value for key, value in data["metadata"].items() if key != "managedFields"}
    if "annotations" in metadata:
        metadata["annotations"] = dict(metadata["annotations"] or {})
        metadata["annotations"].pop(_LAST_APPLIED, None)
    kept = {**data, "metadata": metadata}
    if data.get("kind") == "Secret":
        for part in ("data", "stringData"):
            if kept.get(part):
                kept[part] = dict.fromkeys(kept[part], "(left out)")
    return kept


def _events(events: Iterable[Json]) -> str:
    return "".join(
        f"{event.when} {event.type} {event.reason} {event.about.kind}/{event.about.name}: {event.message}\n"
        for event in sorted(map(Event.live, events), key=lambda event: event.when)
    )

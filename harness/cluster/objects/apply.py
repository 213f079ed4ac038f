"""Putting objects into a cluster and taking them out again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import ConditionedStatus
from harness.base import Resource, StageError
from harness.cluster.api import ApiError, wait_until
from harness.cluster.api import discovery as kinds
from harness.cluster.api.client import APPLY_PATCH, JSON_PATCH
from harness.cluster.ownership.ownership import MANAGED_BY, MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.cluster.api import Client, Deadline, Discovery, Json, Query
    from harness.manifests.patching import Patch

Marks = Mapping[str, str | None]
"""Labels or annotations; None takes one away."""

_DEFINITION = "CustomResourceDefinition"
_FIRST = ("Namespace", _DEFINITION, "ServiceAccount", "ConfigMap", "Secret", "Service")
_LAST = frozenset(("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"))


class Applier:
    """Applies and deletes objects; remembers which ones are its own (`created`).

    `labels` are those of the namespaces that it makes.
    """

    def __init__(self, client: Client, discovery: Discovery, labels: Mapping[str, str] = MANAGED_BY) -> None:
        self.labels = dict(labels)
        self._client = client
        self._discovery = discovery
        self.created: dict[tuple[str, str, str, str], Resource] = {}
        self._patched: dict[str, Json] = {}

    def apply(self, resources: Sequence[Resource], deadline: Deadline) -> None:
        """Applies objects server-side, what others depend on first; else in their own order.

        Raises StageError with the API's words for the first object that is refused.
        """
        ordered = sorted(resources, key=_rank)
        for defining, group in groupby(ordered, lambda resource: resource.kind == _DEFINITION):
            applied = list(group)
            for resource in applied:
                try:
                    live = self._patient(deadline, resource)
                except ApiError as error:
                    raise refused(resource, error) from None
                if self.owns(live):
                    self.created[resource.key] = resource
            for resource in applied if defining else ():  # before what they may define
                self._wait_served(resource.name, deadline)

    def patch(self, patch: Patch) -> bool:
        """Patches an object; returns False if it is so already.

        What it was like before is kept for `restore`. Raises StageError if it isn't there or the patch
        doesn't fit.
        """
        name = patch.target
        path = self._discovery.named(name).path(name.namespace, name.name)
        live = self._client.find(path)
        if live is None:
            raise StageError(f"{name} isn't there to be patched")
        if patch.done(live):
            return False
        try:
            patch.patched(live)
        except ValueError as error:
            raise StageError(f"{name} can't be patched", why=str(error)) from None
        try:
            if patch.merge is not None:
                self._client.patch(path, dict(patch.merge))
            else:
                self._client.call("PATCH", path, body=list(patch.operations), content_type=JSON_PATCH)
        except ApiError as error:
            raise StageError(f"{name} can't be patched", why=error.what) from None
        self._patched.setdefault(path, live)
        return True

    def restore(self) -> set[str]:
        """Makes patched objects what they were, those that are still there; returns their namespaces."""
        namespaces = set()
        for path, before in self._patched.items():
            live = self._client.find(path)
            if live is not None:
                metadata = {
                    **before["metadata"],
                    **{key: live["metadata"].get(key) for key in ("resourceVersion", "uid")},
                    "managedFields": None,
                }
                self._client.call("PUT", path, body={**before, "metadata": metadata})
                namespaces.add(Metadata.live(before).namespace)
        self._patched.clear()
        return namespaces - {""}

    def memory(self) -> dict[str, Any]:
        """Returns which objects are its own, and what it has patched, as plain data."""
        resources = self.created.values()
        created = [[each.api_version, each.kind, each.namespace, each.name] for each in resources]
        return {"created": created, "patched": self._patched}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Takes another applier's memory over."""
        for api_version, kind, namespace, name in memory.get("created", ()):
            resource = Resource(api_version, kind, namespace, name, {})
            self.created[resource.key] = resource
        self._patched |= memory.get("patched", {})

    def refusal(self, resource: Resource) -> str | None:
        """Returns the words in which the API server or a webhook refuses an object; changes nothing."""
        try:
            self._apply(resource, dry_run=True)
        except ApiError as error:
            if error.transient:
                raise
            return error.what
        return None

    def delete(self, resources: Iterable[Resource], deadline: Deadline) -> None:
        """Deletes objects, and returns when they are gone; those that aren't there are no error."""
        lingering: list[tuple[Resource, str]] = []
        for resource in resources:
            self.created.pop(resource.key, None)
            try:
                endpoint = self._discovery.endpoint(resource.api_version, resource.kind)
                path = endpoint.path(resource.namespace, resource.name)
                # Foreground: a workload is gone when its pods are. Others have nothing to wait for.
                policy = "Foreground" if resource.kind in _LAST else "Background"
                self._client.call("DELETE", path, query={"propagationPolicy": policy})
            except ApiError as error:
                if error.status == 404:
                    continue
                raise refused(resource, error, "can't be deleted") from None
            if self._client.find(path) is not None:
                lingering.append((resource, endpoint.only(resource.namespace, resource.name)))
        for resource, path in lingering:
            self._wait_gone(str(resource), path, deadline)

    def make_namespace(self, name: str, deadline: Deadline) -> bool:
        """Makes a namespace if there is none, and returns whether it is the harness's own.

        One that is still being deleted is waited for.
        """
        path = kinds.NAMESPACES.path("", name)
        live = self._client.find(path)
        if live and Metadata.live(live).deleted:
            self._wait_gone(f"namespace {name}", kinds.NAMESPACES.only("", name), deadline)
            live = None
        if live:
            return self.labels.items() <= Metadata.live(live).labels.items()
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": self.labels}}
        self._client.call("POST", kinds.NAMESPACES.collection(), body=body)
        return True

    def admits(self, namespace: str) -> bool:
        """Whether objects may be made in a namespace: in any, on a cluster of the harness's own."""
        return True

    def mark(self, namespace: str, labels: Marks, annotations: Marks) -> None:
        body = {"metadata": {"labels": dict(labels), "annotations": dict(annotations)}}
        self._client.patch(kinds.NAMESPACES.path("", namespace), body)

    def owns(self, live: Json) -> bool:
        """Whether nobody but the harness has ever written to an object that it applied."""
        return [entry.manager for entry in Metadata.live(live).managers] == [MANAGER]

    def delete_namespaces(self, names: Sequence[str], deadline: Deadline) -> None:
        """Deletes namespaces with all that is in them, and returns when they are gone.

        Their pods get a second to end: nobody is left who would miss an orderly shutdown.
        """
        for name in names:
            path = kinds.NAMESPACES.path("", name)
            if self._client.find(path) is None:
                continue
            self._client.call("DELETE", path)
            self._client.call("DELETE", kinds.PODS.collection(name), query={"gracePeriodSeconds": 1})
        for name in names:
            self._wait_gone(f"namespace {name}", kinds.NAMESPACES.only("", name), deadline)

    def _patient(self, deadline: Deadline, resource: Resource) -> Json:
        attempts = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, ApiError) and error.transient),
            stop=stop_after_delay(deadline.left),
            wait=wait_fixed(1),
            reraise=True,
        )
        return attempts(self._apply, resource)

    def _apply(self, resource: Resource, *, dry_run: bool = False) -> Json:
        data, force = self._claim(resource)
        query: Query = {"fieldManager": MANAGER, "force": str(force).lower()}
        if dry_run:
            query = {**query, "dryRun": "All"}
        return self._client.patch(self._discovery.path(resource), data, content_type=APPLY_PATCH, query=query)

    def _claim(self, resource: Resource) -> tuple[Json, bool]:
        """What is sent to apply an object, and whether it takes fields over from others."""
        return resource.data, True

    def _wait_served(self, name: str, deadline: Deadline) -> None:
        path = kinds.CRDS.only("", name)

        def unmet(view: dict[str, list[Json]]) -> str | None:
            statuses = [ConditionedStatus.live(item) for item in view[path]]
            if any(status.holding("Established") for status in statuses):
                return None
            return json.dumps([condition.data for status in statuses for condition in status.conditions])

        wait_until(self._client, f"CustomResourceDefinition {name} is served", [path], unmet, deadline)

    def _wait_gone(self, what: str, path: str, deadline: Deadline) -> None:
        wait_until(self._client, f"{what} is gone", [path], lambda view: _left(view[path]), deadline)


def refused(resource: Resource, error: ApiError, what: str = "refused") -> StageError:
    """Returns the error for an object that the API doesn't take."""
    todo = "install its CRD first" if error.reason == "NoKindMatch" else ""
    where = str(resource.where) or str(resource)
    return StageError(f"{resource} {what}", where=where, why=error.what, todo=todo)


def _rank(resource: Resource) -> int:
    if resource.kind in _FIRST:
        return _FIRST.index(resource.kind)
    return len(_FIRST) + (resource.kind in _LAST)


def _left(items: list[Json]) -> str | None:
    if not items:
        return None
    conditions = ConditionedStatus.live(items[0]).conditions
    reasons = [condition.message for condition in conditions if condition.holds]
    finalizers = Metadata.live(items[0]).finalizers
    return "; ".join(reasons) or f"its finalizers haven't run: {', '.join(finalizers) or 'none'}"

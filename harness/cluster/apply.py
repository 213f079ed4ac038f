"""Putting objects into a cluster and taking them out again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from harness.cluster import discovery as kinds
from harness.cluster.client import APPLY_PATCH, ApiError
from harness.cluster.watch import wait_until
from harness.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.cluster.client import Client, Json
    from harness.cluster.deadline import Deadline
    from harness.cluster.discovery import Discovery
    from harness.resources import Resource

MANAGER = "mesh-migration-harness"
MANAGED_BY = {"app.kubernetes.io/managed-by": MANAGER}

_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret", "Service")
_LAST = frozenset(("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"))


class Applier:
    """Applies and deletes objects; remembers which ones are its own (`created`)."""

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery
        self.created: dict[tuple[str, str, str, str], Resource] = {}

    def apply(self, resources: Sequence[Resource], deadline: Deadline) -> None:
        """Applies objects server-side, what others depend on first; else in their own order.

        Raises StageError with the API's words for the first object that is refused.
        """
        for resource in sorted(resources, key=_rank):
            try:
                answer = self._patient(deadline, resource)
            except ApiError as error:
                raise refused(resource, error) from None
            if _is_own(answer):
                self.created[resource.key] = resource
            if resource.kind == "CustomResourceDefinition":
                self._wait_established(resource.name, deadline)

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
        found = self._client.find(path)
        if found and "deletionTimestamp" in found["metadata"]:
            self._wait_gone(f"namespace {name}", kinds.NAMESPACES.only("", name), deadline)
            found = None
        if found:
            return MANAGED_BY.items() <= (found["metadata"].get("labels") or {}).items()
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": MANAGED_BY}}
        self._client.call("POST", kinds.NAMESPACES.collection(), body=body)
        return True

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
        query: dict[str, str | int | list[str]] = {"fieldManager": MANAGER, "force": "true"}
        if dry_run:
            query["dryRun"] = "All"
        path = self._discovery.path(resource)
        return self._client.patch(path, resource.data, content_type=APPLY_PATCH, query=query)

    def _wait_established(self, name: str, deadline: Deadline) -> None:
        path = kinds.CRDS.only("", name)

        def unmet(view: dict[str, list[Json]]) -> str | None:
            conditions = [
                condition
                for item in view[path]
                for condition in (item.get("status") or {}).get("conditions") or ()
            ]
            if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
                return None
            return json.dumps(conditions)

        wait_until(self._client, f"CustomResourceDefinition {name} is served", [path], unmet, deadline)

    def _wait_gone(self, what: str, path: str, deadline: Deadline) -> None:
        wait_until(self._client, f"{what} is gone", [path], lambda view: _left(view[path]), deadline)


def refused(resource: Resource, error: ApiError, what: str = "refused") -> StageError:
    """Returns the error for an object that the API doesn't take."""
    where = resource.where or str(resource)
    if error.reason == "NoKindMatch":
        return StageError(f"{resource} {what}", where=where, why=error.what, todo="install its CRD first")
    return StageError(f"{resource} {what}", where=where, why=error.what)


def _rank(resource: Resource) -> int:
    if resource.kind in _FIRST:
        return _FIRST.index(resource.kind)
    return len(_FIRST) + (resource.kind in _LAST)


def _is_own(answer: Json) -> bool:
    """Whether nobody but the harness has ever written to an object that it applied."""
    entries = answer["metadata"].get("managedFields") or []
    return len(entries) == 1 and entries[0].get("manager") == MANAGER


def _left(items: list[Json]) -> str | None:
    if not items:
        return None
    conditions = (items[0].get("status") or {}).get("conditions") or ()
    told = [str(one.get("message")) for one in conditions if one.get("status") == "True"]
    finalizers = items[0]["metadata"].get("finalizers") or ()
    return "; ".join(told) or f"its finalizers haven't run: {', '.join(finalizers) or 'none'}"

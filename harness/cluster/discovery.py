"""Where in the API an object of some kind lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.cluster.client import ApiError

if TYPE_CHECKING:
    from harness.cluster.client import Client
    from harness.resources import Resource


@dataclass(frozen=True)
class Endpoint:
    """A kind's collection in the API."""

    api_version: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str = "") -> str:
        """Returns the path of all objects (of a namespace)."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}"

    def only(self, namespace: str, name: str) -> str:
        """Returns the path of the collection that holds just one object: what a watch of it asks for."""
        return f"{self.collection(namespace)}?fieldSelector={quote(f'metadata.name={name}')}"

    def path(self, namespace: str, name: str) -> str:
        """Returns the path of one object."""
        return f"{self.collection(namespace or 'default')}/{quote(name, safe='')}"


PODS = Endpoint("v1", "pods", namespaced=True)
SERVICES = Endpoint("v1", "services", namespaced=True)
EVENTS = Endpoint("v1", "events", namespaced=True)
NAMESPACES = Endpoint("v1", "namespaces", namespaced=False)
NODES = Endpoint("v1", "nodes", namespaced=False)
DEPLOYMENTS = Endpoint("apps/v1", "deployments", namespaced=True)
STATEFUL_SETS = Endpoint("apps/v1", "statefulsets", namespaced=True)
DAEMON_SETS = Endpoint("apps/v1", "daemonsets", namespaced=True)
CRDS = Endpoint("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)


class Discovery:
    """Knows each kind's endpoint; asks the API again about a kind that wasn't there before."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], Endpoint] = {}

    def endpoint(self, api_version: str, kind: str) -> Endpoint:
        """Returns a kind's endpoint; raises ApiError in kubectl's words if the cluster has no such kind."""
        if (api_version, kind) not in self._known:
            self._ask(api_version)
        try:
            return self._known[api_version, kind]
        except KeyError:
            raise ApiError(
                404, "NoKindMatch", f'no matches for kind "{kind}" in version "{api_version}"'
            ) from None

    def path(self, resource: Resource) -> str:
        """Returns the path of an object; raises ApiError as `endpoint` does."""
        return self.endpoint(resource.api_version, resource.kind).path(resource.namespace, resource.name)

    def _ask(self, api_version: str) -> None:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        answer = self._client.find(root) or {}
        for entry in answer.get("resources", []):
            if "/" not in entry["name"]:  # a sub-resource
                endpoint = Endpoint(api_version, entry["name"], entry["namespaced"])
                self._known[api_version, entry["kind"]] = endpoint

"""Where in the API an object of some kind lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.base import StageError
from harness.cluster.api.client import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base import ObjectName, Resource
    from harness.cluster.api.client import Client, Json


@dataclass(frozen=True)
class Endpoint:
    """A kind's collection in the API."""

    api_version: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str = "") -> str:
        """Returns the path of all objects (of a namespace)."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root(self.api_version)}{inside}/{self.plural}"

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


@dataclass(eq=False)
class Discovery:
    """Knows each kind's endpoint; asks the API again about a kind that wasn't there before."""

    _client: Client
    _known: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

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

    def named(self, name: ObjectName) -> Endpoint:
        """Returns the endpoint of an object named without version, and perhaps without group.

        Where several groups have the kind it is that in which the object is. Raises ApiError if there is
        no such kind, StageError if the group must be written.
        """
        having = (
            next((version for version in versions if self._has(version, name.kind)), None)
            for group, versions in self._versions()
            if name.group in (None, group)
        )
        kinds = [self._known[version, name.kind] for version in having if version]
        if not kinds:
            raise ApiError(404, "NoKindMatch", f'no matches for kind "{name.kind}"', where=str(name))
        if len(kinds) > 1:
            there = [kind for kind in kinds if self._client.find(kind.path(name.namespace, name.name))]
            if len(there) != 1:
                groups = ", ".join(f"{name.kind}.{kind.api_version.partition('/')[0]}" for kind in kinds)
                raise StageError(f"{name} may be of several kinds", todo=f"write the group: {groups}")
            kinds = there
        return kinds[0]

    def _versions(self) -> Iterator[tuple[str, list[str]]]:
        """The API groups with their versions, that first which the server prefers.

        Events are the same in both of their groups. A kind may be served in some of a group's versions only.
        """
        yield "", ["v1"]
        for group in (self._client.find("/apis") or {}).get("groups") or ():
            if group["name"] != "events.k8s.io":
                every = [group["preferredVersion"], *group.get("versions", ())]
                yield group["name"], list(dict.fromkeys(each["groupVersion"] for each in every))

    def _has(self, version: str, kind: str) -> bool:
        """Whether a version has a kind; kinds may have come since it was asked, but built-in ones don't."""
        if (version, kind) not in self._known and (version not in self._asked or "." in version):
            self._ask(version)
        return (version, kind) in self._known

    def _ask(self, api_version: str) -> None:
        self._asked.add(api_version)
        for entry in served(self._client.find(root(api_version))):
            endpoint = Endpoint(api_version, entry["name"], entry["namespaced"])
            self._known[api_version, entry["kind"]] = endpoint


def served(answer: Json | None) -> list[Json]:
    """Returns the kinds that the answer at a version's root tells, without sub-resources."""
    entries = (answer or {}).get("resources") or ()
    return [entry for entry in entries if "/" not in entry["name"]]


def root(api_version: str) -> str:
    """Returns the path of a group's version."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

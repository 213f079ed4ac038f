"""Small clusters for tests: objects written short, and outcomes read as tables."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.places import Location
from harness.base.resources import CLUSTER_SCOPED, Resource
from harness.base.vocabulary import Mesh, Workload
from harness.manifests.documents import plain
from harness.model import State, changes
from harness.model.decide import decide
from harness.traffic.request import Request

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcomes

ISTIO, LINKERD = Mesh.ISTIO, Mesh.LINKERD

ABBREVIATIONS = {
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "Gateway": "networking.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "WorkloadEntry": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
    "Server": "policy.linkerd.io/v1beta3",
    "MeshTLSAuthentication": "policy.linkerd.io/v1alpha1",
    "NetworkAuthentication": "policy.linkerd.io/v1alpha1",
    "ServiceProfile": "linkerd.io/v1alpha2",
    "Deployment": "apps/v1",
}


def resource(kind: str, name: str, spec: object = None, api: str = "", **metadata: object) -> Resource:
    """Makes an object; `name` is `namespace/name`, or a name alone for what is cluster-scoped."""
    namespace, _, short = name.rpartition("/")
    api = api or ABBREVIATIONS.get(kind, "v1")
    data: dict[str, object] = {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": short, **({"namespace": namespace} if namespace else {}), **metadata},
    }
    if spec is not None:
        data["spec"] = plain(spec) if isinstance(spec, str) else spec
    return Resource(
        api, kind, "" if kind in CLUSTER_SCOPED else namespace, short, data, Location(f"test.yaml:{short}")
    )


def deployment(name: str, pod: dict[str, object], metadata: object = None, **spec: object) -> Resource:
    """A Deployment `namespace/name` of pods labelled app=name, unless their metadata says otherwise."""
    short = name.rpartition("/")[2]
    template = {"metadata": {"labels": {"app": short}, **(metadata or {})}, "spec": pod}
    labels = template["metadata"]["labels"]
    return resource("Deployment", name, {"selector": {"matchLabels": labels}, "template": template, **spec})


def app(name: str, image: str, port: int = 0, **env: str) -> list[Resource]:
    """A Deployment `namespace/name` labelled app=name, and a Service on port 80 if it has a port."""
    short = name.rpartition("/")[2]
    container = {
        "name": short,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "ports": [{"name": "http", "containerPort": port}] if port else [],
    }
    made = [deployment(name, {"containers": [container]})]
    if port:
        protocol = "http2" if short.startswith("color") else "http"
        ports = [{"name": protocol, "port": 80, "targetPort": port}]
        made.append(resource("Service", name, {"selector": {"app": short}, "ports": ports}))
    return made


def cluster(*meshes: Mesh) -> State:
    """Installs meshes, and makes a namespace in each: ist, lnk, and bare in none."""
    state = State()
    for mesh in meshes:
        state = changes.install(state, mesh)
    state = changes.mark(state, "bare")
    if ISTIO in meshes:
        state = changes.mark(state, "ist", labels={"istio-injection": "enabled"})
    if LINKERD in meshes:
        state = changes.mark(state, "lnk", annotations={"linkerd.io/inject": "enabled"})
    return state


def send(state: State, source: str, url: str, method: str = "GET", **headers: str) -> Outcomes:
    """What comes back of a request; header names are written with underscores."""
    named = tuple((key.replace("_", "-"), value) for key, value in headers.items())
    return decide(state, Request(Workload.parse(source), url, method, named))


def told(outcomes: Outcomes) -> dict[str, Fraction]:
    """The probability of each outcome as the harness words it."""
    found: dict[str, Fraction] = {}
    for group in outcomes.groups:
        found[str(group.outcome)] = found.get(str(group.outcome), Fraction(0)) + group.weight
    return found

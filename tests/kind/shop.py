"""A small estate: in namespace shop a client, an echo and two versions of a page; in namespace bare a client."""

from harness.base.places import Location
from harness.base.resources import Resource

ECHO, PAGE, CURL = (
    "ghcr.io/mccutchen/go-httpbin:2.26.0",
    "nginxdemos/hello:plain-text",
    "curlimages/curl:8.7.1",
)
COLOR = "ghcr.io/buoyantio/faces-color:2.0.0"


def resource(kind, name, namespace, api_version="v1", **body):
    metadata = {"name": name, "namespace": namespace}
    data = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
    return Resource(api_version, kind, namespace, name, data, Location(f"shop.yaml#{name}"))


def deployment(name, namespace, image, app=None, **container):
    labels = {"app": app or name, "version": name}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", **container}],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return resource(
        "Deployment",
        name,
        namespace,
        "apps/v1",
        spec={"selector": {"matchLabels": labels}, "template": template},
    )


def service(name, namespace, port, target, port_name="http", **selector):
    ports = [{"name": port_name, "port": port, "targetPort": target}]
    return resource("Service", name, namespace, spec={"selector": selector or {"app": name}, "ports": ports})


SLEEP = ["sleep", "infinity"]
APPS = [
    deployment("client", "shop", CURL, command=SLEEP),
    deployment("client", "bare", CURL, command=SLEEP),
    deployment("echo", "shop", ECHO, ports=[{"containerPort": 8080}]),
    service("echo", "shop", 80, 8080),
    deployment("color", "shop", COLOR),
    service("color", "shop", 80, 8000, "http2"),
    deployment("page1", "shop", PAGE, app="page"),
    deployment("page2", "shop", PAGE, app="page"),
    service("page", "shop", 8080, 80),
    service("page1", "shop", 8080, 80, version="page1"),
    service("page2", "shop", 8080, 80, version="page2"),
]
CALLS = [one for one in APPS if one.name in ("client", "echo") and one.namespace == "shop"]
"""A client and what it calls, for tests that need no more."""


def route(first, second, **backend):
    port = backend or {"port": 8080}
    refs = [{"name": "page1", "weight": first, **port}, {"name": "page2", "weight": second, **port}]
    parent = {"group": "", "kind": "Service", "name": "page", "port": 8080}
    spec = {"parentRefs": [parent], "rules": [{"backendRefs": refs}]}
    return resource("HTTPRoute", "page", "shop", "gateway.networking.k8s.io/v1", spec=spec)


def deny(*methods):
    rules = [{"to": [{"operation": {"methods": list(methods)}}]}]
    spec = {"selector": {"matchLabels": {"app": "echo"}}, "action": "DENY", "rules": rules}
    return resource("AuthorizationPolicy", "echo", "shop", "security.istio.io/v1", spec=spec)


def peers(mode):
    return resource(
        "PeerAuthentication", "default", "shop", "security.istio.io/v1", spec={"mtls": {"mode": mode}}
    )

"""Kubernetes' own kinds: the fields that the model reads; others are the API server's to check."""

from __future__ import annotations

from harness.model.schema import PORT, Enum, Kind, Map, Open, Range, Required, Shape

_PORT: Shape = Open(
    port=Required(PORT),
    targetPort="port",
    name="string",
    protocol=Enum("TCP", "UDP", "SCTP"),
    appProtocol="string",
)
_SERVICE: Shape = Open(
    type=Enum("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    clusterIP="string",
    selector=Map("string"),
    ports=[_PORT],
)
_PROBE: Shape = Open(httpGet=Open(path="string", port=Required("port")))
_CONTAINER: Shape = Open(
    name=Required("string"),
    image=Required("string"),
    env=[Open(name=Required("string"), value="string")],
    ports=[
        Open(containerPort=Required(PORT), name="string", protocol=Enum("TCP", "UDP", "SCTP")),
    ],
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
    restartPolicy="string",
)
_POD = Open(
    containers=Required([_CONTAINER]),
    initContainers=[_CONTAINER],
    serviceAccountName="string",
    hostNetwork="boolean",
)
LABEL_SELECTOR: Shape = {
    "matchLabels": Map("string"),
    "matchExpressions": [
        {
            "key": Required("string"),
            "operator": Required(Enum("In", "NotIn", "Exists", "DoesNotExist")),
            "values": ["string"],
        }
    ],
}
_METADATA: Shape = Open(labels=Map("string"), annotations=Map("string"))
_TEMPLATE: Shape = Required(Open(metadata=_METADATA, spec=Required(_POD)))
_SELECTOR: Shape = Required(LABEL_SELECTOR)

KINDS: dict[tuple[str, str], Kind] = {
    ("", "Namespace"): Kind(("v1",), Open()),
    ("", "Service"): Kind(("v1",), Required(_SERVICE)),
    ("", "ServiceAccount"): Kind(("v1",), Open()),
    ("", "Pod"): Kind(("v1",), Required(_POD)),
    **{
        ("apps", kind): Kind(
            ("v1",),
            Required(Open(selector=_SELECTOR, template=_TEMPLATE, replicas=Range(0, 2**31 - 1))),
        )
        for kind in ("Deployment", "StatefulSet", "DaemonSet")
    },
}

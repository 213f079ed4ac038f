"""Kubernetes' own kinds: the fields that the model reads; others are the API server's to check."""

from __future__ import annotations

from harness.api.schema.shapes import PORT, Enum, Kind, Map, Open, Range, Required, Shape

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
    externalName="string",
    selector=Map("string"),
    ports=[_PORT],
    publishNotReadyAddresses="boolean",
    sessionAffinity=Enum("ClientIP", "None"),
)
_PROBE: Shape = Open(
    httpGet=Open(path="string", port=Required("port"), scheme=Enum("HTTP", "HTTPS")),
    tcpSocket=Open(port=Required("port")),
    grpc=Open(port=Required(PORT)),
    exec=Open(command=["string"]),
)
_CONTAINER: Shape = Open(
    name=Required("string"),
    image=Required("string"),
    command=["string"],
    args=["string"],
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
    serviceAccount="string",
    hostNetwork="boolean",
    hostname="string",
    subdomain="string",
    dnsPolicy=Enum("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    dnsConfig=Open(searches=["string"], options=[Open(name="string", value="string")]),
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

_PEER: Shape = {
    "podSelector": LABEL_SELECTOR,
    "namespaceSelector": LABEL_SELECTOR,
    "ipBlock": {"cidr": Required("network"), "except": ["network"]},
}
_POLICY_PORT: Shape = {"protocol": Enum("SCTP", "TCP", "UDP"), "port": "port", "endPort": PORT}
_NETWORK_POLICY: Shape = {
    "podSelector": LABEL_SELECTOR,
    "policyTypes": [Enum("Egress", "Ingress")],
    "ingress": [{"from": [_PEER], "ports": [_POLICY_PORT]}],
    "egress": [{"to": [_PEER], "ports": [_POLICY_PORT]}],
}
_TARGET: Shape = Open(kind="string", name="string")
_ENDPOINT_PORT: Shape = Open(name="string", port=PORT, protocol=Enum("TCP", "UDP", "SCTP"))
_ADDRESS: Shape = Open(ip=Required("network"), targetRef=_TARGET)
_SUBSET: Shape = Open(addresses=[_ADDRESS], notReadyAddresses=[_ADDRESS], ports=[_ENDPOINT_PORT])
_ENDPOINT: Shape = Open(addresses=Required(["string"]), conditions=Open(ready="boolean"), targetRef=_TARGET)

KINDS: dict[tuple[str, str], Kind] = {
    ("", "Namespace"): Kind(("v1",), Open()),
    ("", "Service"): Kind(("v1",), Required(_SERVICE)),
    ("", "ServiceAccount"): Kind(("v1",), Open()),
    # The installations' settings are in some [istio-system/istio, linkerd/linkerd-config].
    ("", "ConfigMap"): Kind(
        ("v1",), Open(), {"data": Map("string"), "binaryData": Map("string"), "immutable": "boolean"}
    ),
    ("", "Pod"): Kind(("v1",), Required(_POD)),
    ("", "Endpoints"): Kind(("v1",), Open(), {"subsets": [_SUBSET]}),
    ("discovery.k8s.io", "EndpointSlice"): Kind(
        ("v1",),
        Open(),
        {
            "addressType": Required(Enum("IPv4", "IPv6", "FQDN")),
            "endpoints": [_ENDPOINT],
            "ports": [_ENDPOINT_PORT],
        },
    ),
    ("networking.k8s.io", "NetworkPolicy"): Kind(("v1",), _NETWORK_POLICY),
    **{
        ("apps", kind): Kind(
            ("v1",),
            Required(
                Open(
                    selector=_SELECTOR,
                    template=_TEMPLATE,
                    replicas=Range(0, 2**31 - 1),
                    serviceName="string",
                    ordinals=Open(start=Range(0, 2**31 - 1)),
                )
            ),
        )
        for kind in ("Deployment", "StatefulSet", "DaemonSet")
    },
}

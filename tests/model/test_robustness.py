"""Whatever a manifest holds: a state and outcomes, or an error that names the object."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.api.schema.kinds import INERT, KINDS
from harness.base.errors import HarnessError
from harness.base.vocabulary import Mesh, Workload
from harness.manifests.documents import plain
from harness.manifests.files import read_manifests
from harness.model import State, changes
from harness.model.decide import decide
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

MANIFESTS = Path(__file__).parents[2] / "manifests"
APPS = [one for folder in ("faces", "clients") for one in read_manifests(MANIFESTS / folder)]

# One object of every kind that the model reads, each with as many fields as there are.
EVERY_KIND = """
- {kind: Namespace, apiVersion: v1, metadata: {name: faces, labels: {a: b}, annotations: {a: b}}}
- {kind: ServiceAccount, apiVersion: v1, metadata: {name: specimen}}
- {kind: ConfigMap, apiVersion: v1, metadata: {name: specimen}, data: {a: b}, binaryData: {c: ZA==}, immutable: true}
- kind: Service
  apiVersion: v1
  metadata:
    name: smiley
    uid: u
    creationTimestamp: "2026-01-01T00:00:00Z"
    annotations: {timeout.linkerd.io/request: 3s, retry.linkerd.io/http: "5xx,429", retry.linkerd.io/limit: "2"}
  spec:
    type: NodePort
    clusterIP: 10.0.0.1
    selector: {service: smiley}
    ports: [{name: http, port: 80, targetPort: http, protocol: TCP, appProtocol: http, nodePort: 30080}]
- kind: Pod
  apiVersion: v1
  metadata: {name: specimen, labels: {service: smiley}, ownerReferences: [{kind: Job, name: j}]}
  spec: {containers: [{name: specimen, image: any}]}
- &workload
  kind: Deployment
  apiVersion: apps/v1
  metadata: {name: smiley}
  spec:
    replicas: 2
    selector: {matchLabels: {service: smiley}, matchExpressions: [{key: service, operator: In, values: [smiley]}]}
    template:
      metadata: {labels: {service: smiley}, annotations: {a: b}}
      spec:
        serviceAccountName: it
        hostNetwork: false
        initContainers: [{name: sidecar, image: any, restartPolicy: Always}]
        containers:
        - name: smiley
          image: ghcr.io/buoyantio/faces-smiley:2.0.0
          env: [{name: DELAY_BUCKETS, value: "1,2"}, {name: ERROR_FRACTION, value: "5"}, {name: X, valueFrom: {}}]
          ports: [{name: http, containerPort: 8000, protocol: TCP}]
          readinessProbe: {httpGet: {path: /ready, port: http}}
- {<<: *workload, kind: StatefulSet}
- {<<: *workload, kind: DaemonSet}
- {<<: *workload, kind: ReplicaSet}
- kind: ReplicationController
  apiVersion: v1
  metadata: {name: specimen}
  spec:
    replicas: 1
    selector: {service: smiley}
    template:
      metadata: {labels: {service: smiley}}
      spec: {containers: [{name: smiley, image: any}]}
- kind: NetworkPolicy
  apiVersion: networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    podSelector: {matchLabels: {service: smiley}, matchExpressions: [{key: service, operator: In, values: [smiley]}]}
    policyTypes: [Ingress, Egress]
    ingress:
    - from:
      - {podSelector: {}, namespaceSelector: {matchLabels: {a: b}}}
      - {ipBlock: {cidr: 10.0.0.0/8, except: [10.96.0.0/12]}}
      ports: [{protocol: TCP, port: 8000, endPort: 8010}, {port: http}]
    egress: [{to: [{podSelector: {}}]}, {ports: [{protocol: UDP, port: 53}]}]
- kind: Ingress
  apiVersion: networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    ingressClassName: istio
    defaultBackend: {service: {name: smiley, port: {name: http}}}
    rules:
    - host: smiley.acme.com
      http: {paths: [{path: /a, pathType: Prefix, backend: {service: {name: smiley, port: {number: 80}}}}]}
    tls: [{hosts: [smiley.acme.com], secretName: any}]
- {kind: IngressClass, apiVersion: networking.k8s.io/v1, metadata: {name: istio}, spec: {controller: istio.io/ingress-controller}}
- kind: EndpointSlice
  apiVersion: discovery.k8s.io/v1
  metadata: {name: specimen, labels: {kubernetes.io/service-name: specimen}}
  addressType: IPv4
  endpoints: [{addresses: [198.51.100.7], conditions: {ready: true}, targetRef: {kind: Pod, name: specimen}}]
  ports: [{name: http, port: 8000, protocol: TCP}]
- kind: Endpoints
  apiVersion: v1
  metadata: {name: specimen}
  subsets: [{addresses: [{ip: 198.51.100.7}], notReadyAddresses: [{ip: 198.51.100.8}], ports: [{name: http, port: 8000}]}]
- kind: VirtualService
  apiVersion: networking.istio.io/v1
  metadata: {name: specimen}
  spec:
    hosts: [smiley]
    gateways: [mesh, faces-gateway]
    exportTo: ["*"]
    http:
    - match:
      - uri: {regex: "/edge.*"}
        headers: {a: {exact: b}, c: {}}
        withoutHeaders: {d: {prefix: e}}
        queryParams: {row: {exact: "1"}}
        method: {exact: POST}
        scheme: {exact: http}
        authority: {prefix: smiley}
        port: 80
        sourceLabels: {app: face}
        sourceNamespace: faces
        gateways: [mesh]
        ignoreUriCase: true
      redirect: {uri: /x, authority: y, port: 81, scheme: https, redirectCode: 302}
    - match: [{uri: {prefix: /direct}}]
      directResponse: {status: 503, body: {string: sorry}}
    - match: [{uri: {prefix: /center}}]
      route:
      - destination: {host: smiley, subset: v1, port: {number: 80}}
        weight: 30
        headers: {request: {set: {a: b}, add: {c: d}, remove: [e]}, response: {set: {a: b}}}
      - {destination: {host: smiley2}, weight: 70}
      rewrite: {authority: z, uriRegexRewrite: {match: "/(c)enter", rewrite: '/\\1'}}
      timeout: 2s
      retries: {attempts: 2, perTryTimeout: 1s, retryOn: "5xx,503"}
      fault:
        delay: {fixedDelay: 1s, percentage: {value: 20}}
        abort: {grpcStatus: UNAVAILABLE, percentage: {value: 10}}
      mirrors: [{destination: {host: smiley2}, percentage: {value: 5}}]
      headers: {request: {set: {a: b}}}
      corsPolicy: {allowOrigins: [{exact: a}], allowMethods: [GET], maxAge: 1h, allowCredentials: true}
    - match: [{uri: {prefix: /leaf}}]
      delegate: {name: leaf, namespace: faces}
    - rewrite: {uri: /}
      fault: {abort: {httpStatus: 500, percentage: {value: 10}}}
      mirror: {host: smiley2}
      mirrorPercentage: {value: 5}
      route: [{destination: {host: smiley}}]
    tls:
    - match: [{sniHosts: [smiley], port: 443, sourceLabels: {app: face}, gateways: [faces-gateway]}]
      route: [{destination: {host: smiley}}]
    tcp:
    - match: [{destinationSubnets: [10.0.0.0/8], port: 9000, sourceNamespace: faces}]
      route: [{destination: {host: smiley}, weight: 1}, {destination: {host: smiley2}, weight: 2}]
- kind: DestinationRule
  apiVersion: networking.istio.io/v1
  metadata: {name: specimen}
  spec:
    host: smiley
    exportTo: ["."]
    trafficPolicy:
      tls: {mode: ISTIO_MUTUAL}
      loadBalancer: {simple: RANDOM, localityLbSetting: {distribute: [{from: a, to: {b: 100}}]}, warmup: {duration: 1s}}
      connectionPool: {tcp: {maxConnections: 1}, http: {maxRetries: 1, http2KeepAlive: {interval: 1s, timeout: 1s}}}
      outlierDetection: {consecutive5xxErrors: 1, outlierDetectionHttpErrorCodes: [500]}
      retryBudget: {percent: 20, minRetryConcurrency: 1}
      portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]
    subsets: [{name: v1, labels: {service: smiley}, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}]
- kind: ServiceEntry
  apiVersion: networking.istio.io/v1
  metadata: {name: specimen}
  spec:
    hosts: [smiley.acme.com]
    addresses: [192.0.2.1]
    ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
    location: MESH_EXTERNAL
    resolution: STATIC
    endpoints: [{address: 192.0.2.2, ports: {http: 81}, labels: {a: b}, weight: 2, serviceAccount: s}]
    exportTo: ["."]
    subjectAltNames: [a]
- kind: WorkloadEntry
  apiVersion: networking.istio.io/v1
  metadata: {name: specimen}
  spec: {address: 192.0.2.3, ports: {http: 81}, labels: {service: smiley}, weight: 1, serviceAccount: s}
- kind: Sidecar
  apiVersion: networking.istio.io/v1
  metadata: {name: specimen}
  spec:
    workloadSelector: {labels: {service: face}}
    egress: [{hosts: ["./*", "istio-system/*", "~other/*"], captureMode: DEFAULT}]
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    inboundConnectionPool: {tcp: {maxConnections: 1}}
- kind: Gateway
  apiVersion: networking.istio.io/v1
  metadata: {name: faces-gateway}
  spec:
    selector: {istio: ingressgateway}
    servers:
    - {name: s, port: {number: 80, name: http, protocol: HTTP}, hosts: ["./*"], tls: {httpsRedirect: false}}
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.b], tls: {mode: SIMPLE, credentialName: c}}
    - {port: {number: 443, name: tls, protocol: TLS}, hosts: ["c.b"], tls: {mode: PASSTHROUGH}}
    - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
- kind: PeerAuthentication
  apiVersion: security.istio.io/v1
  metadata: {name: specimen}
  spec: {selector: {matchLabels: {service: smiley}}, mtls: {mode: STRICT}, portLevelMtls: {"8000": {mode: PERMISSIVE}}}
- kind: RequestAuthentication
  apiVersion: security.istio.io/v1
  metadata: {name: specimen}
  spec:
    targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]
    jwtRules:
    - issuer: a
      audiences: [b]
      jwks: '{"keys": []}'
      fromHeaders: [{name: x-jwt, prefix: "Mine "}]
      fromParams: [jwt]
      fromCookies: [jwt]
      forwardOriginalToken: true
      outputPayloadToHeader: x-payload
      outputClaimToHeaders: [{header: x-sub, claim: sub}]
      spaceDelimitedClaims: [groups]
    - {issuer: c, jwksUri: "https://c/keys", timeout: 5s}
- kind: AuthorizationPolicy
  apiVersion: security.istio.io/v1
  metadata: {name: specimen}
  spec:
    selector: {matchLabels: {service: smiley}}
    action: ALLOW
    rules:
    - from:
      - source: {principals: ["*"], notNamespaces: [x], ipBlocks: [10.0.0.0/8], notRemoteIpBlocks: [1.2.3.4]}
      - source: {serviceAccounts: [faces/default], requestPrincipals: ["*"]}
      to: [{operation: {hosts: ["*"], ports: ["8000"], methods: [GET], paths: ["/{*}/", /a*], notPaths: [/b]}}]
      when:
      - {key: "request.headers[a]", values: [b], notValues: [c]}
      - {key: source.ip, values: [10.0.0.0/8]}
      - {key: destination.port, notValues: ["81"]}
- &http
  kind: HTTPRoute
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen, annotations: {retry.linkerd.io/http: gateway-error, timeout.linkerd.io/response: 3s}}
  spec: &route
    parentRefs: [{group: "", kind: Service, namespace: faces, name: smiley, port: 80}]
    hostnames: [smiley]
    rules:
    - name: a
      matches:
      - path: {type: RegularExpression, value: "/edge.*"}
        headers: [{type: RegularExpression, name: a, value: "b.*"}]
        queryParams: [{type: Exact, name: row, value: "1"}]
        method: GET
      filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: x, port: 81, statusCode: 301,
        path: {type: ReplaceFullPath, replaceFullPath: /x}}}]
    - matches: [{path: {type: PathPrefix, value: /center}}]
      filters:
      - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: c, value: d}]}}
      - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [x]}}
      backendRefs:
      - name: smiley
        port: 80
        weight: 1
        filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}]
      - {group: "", kind: Service, namespace: faces, name: smiley2, port: 80, weight: 2}
      timeouts: {request: 2s, backendRequest: 1s}
- {<<: *http, apiVersion: policy.linkerd.io/v1beta3, spec: {<<: *route, parentRefs: [{group: policy.linkerd.io,
   kind: Server, name: specimen}]}}
- kind: HTTPRoute
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: rewriting}
  spec:
    parentRefs: [{group: "", kind: Service, name: smiley}]
    rules:
    - matches: [{path: {type: PathPrefix, value: /center}}]
      filters:
      - {type: URLRewrite, urlRewrite: {hostname: x, path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}}}
      - {type: RequestMirror, requestMirror: {backendRef: {name: smiley2, port: 80}, fraction: {numerator: 1}}}
      backendRefs: [{name: smiley, port: 80}]
- kind: GRPCRoute
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    parentRefs: [{group: "", kind: Service, name: color}]
    rules:
    - matches:
      - method: {type: Exact, service: Color, method: C}
        headers: [{name: a, value: b}]
      - method: {service: ColorService, method: Center}
      backendRefs: [{name: color, port: 80, weight: 1}]
- kind: ReferenceGrant
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec: {from: [{group: "", kind: Service, namespace: a}], to: [{group: "", kind: Service, name: b}]}
- {kind: GatewayClass, apiVersion: gateway.networking.k8s.io/v1, metadata: {name: specimen}, spec: {controllerName: a/b}}
- kind: Gateway
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    gatewayClassName: istio
    listeners:
    - name: http
      hostname: "*.example"
      port: 80
      protocol: HTTP
      allowedRoutes:
        namespaces: {from: Selector, selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: Exists}]}}
        kinds: [{group: gateway.networking.k8s.io, kind: HTTPRoute}]
    - name: https
      port: 443
      protocol: HTTPS
      tls:
        mode: Terminate
        certificateRefs: [{group: "", kind: Secret, name: cert, namespace: faces}]
        options: {gateway.istio.io/tls-terminate-mode: MUTUAL}
    - {name: bytes, port: 9000, protocol: TCP}
    addresses: [{type: IPAddress, value: 10.0.0.9}]
    infrastructure: {labels: {a: b}, annotations: {a: b}}
- kind: ListenerSet
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    parentRef: {group: gateway.networking.k8s.io, kind: Gateway, namespace: faces, name: specimen}
    listeners:
    - name: more
      hostname: b.example
      port: 8443
      protocol: HTTPS
      tls: {mode: Terminate, certificateRefs: [{group: "", kind: Secret, namespace: faces, name: c}]}
      allowedRoutes: {namespaces: {from: All}, kinds: [{group: gateway.networking.k8s.io, kind: HTTPRoute}]}
- kind: BackendTLSPolicy
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    targetRefs: [{group: "", kind: Service, name: smiley, sectionName: http}]
    validation:
      hostname: smiley.example
      caCertificateRefs: [{group: "", kind: ConfigMap, name: specimen}]
      subjectAltNames: [{type: Hostname, hostname: smiley.example}]
- kind: TLSRoute
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    parentRefs: [{name: specimen, sectionName: https, port: 443}]
    hostnames: [a.example]
    rules: [{name: it, backendRefs: [{name: smiley, port: 80, weight: 1}]}]
- kind: TCPRoute
  apiVersion: gateway.networking.k8s.io/v1
  metadata: {name: specimen}
  spec:
    parentRefs: [{name: specimen, sectionName: bytes}]
    rules: [{name: it, backendRefs: [{group: "", kind: Service, namespace: faces, name: smiley, port: 80}]}]
- kind: Server
  apiVersion: policy.linkerd.io/v1beta3
  metadata: {name: specimen, labels: {a: b}}
  spec:
    podSelector: {matchLabels: {service: smiley}, matchExpressions: [{key: service, operator: Exists}]}
    port: http
    proxyProtocol: HTTP/1
    accessPolicy: audit
- kind: ServerAuthorization
  apiVersion: policy.linkerd.io/v1beta1
  metadata: {name: specimen}
  spec:
    server: {selector: {matchLabels: {a: b}}}
    client:
      networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]
      meshTLS: {identities: ["*"], serviceAccounts: [{name: a, namespace: b}]}
- kind: AuthorizationPolicy
  apiVersion: policy.linkerd.io/v1alpha1
  metadata: {name: specimen}
  spec:
    targetRef: {group: policy.linkerd.io, kind: Server, name: specimen}
    requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: specimen, namespace: faces}]
- kind: MeshTLSAuthentication
  apiVersion: policy.linkerd.io/v1alpha1
  metadata: {name: specimen}
  spec: {identityRefs: [{kind: ServiceAccount, name: default, namespace: faces}, {kind: Namespace, name: faces}]}
- kind: NetworkAuthentication
  apiVersion: policy.linkerd.io/v1alpha1
  metadata: {name: specimen}
  spec: {networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}
- kind: ExternalWorkload
  apiVersion: workload.linkerd.io/v1beta1
  metadata: {name: specimen, labels: {service: smiley}}
  spec:
    meshTLS: {identity: spiffe://root/specimen, serverName: specimen.example.org}
    workloadIPs: [{ip: 192.168.9.9}]
    ports: [{name: http, port: 8000, protocol: TCP}]
- kind: HTTPLocalRateLimitPolicy
  apiVersion: policy.linkerd.io/v1alpha1
  metadata: {name: specimen}
  spec:
    targetRef: {group: policy.linkerd.io, kind: Server, name: specimen}
    total: {requestsPerSecond: 9}
    identity: {requestsPerSecond: 8}
    overrides: [{requestsPerSecond: 7, clientRefs: [{kind: ServiceAccount, name: default, namespace: faces}]}]
- kind: EgressNetwork
  apiVersion: policy.linkerd.io/v1alpha1
  metadata: {name: specimen, annotations: {config.linkerd.io/opaque-ports: "25"}}
  spec: {trafficPolicy: Deny, networks: [{cidr: 9.0.0.0/8, except: [9.9.9.9/32]}]}
- kind: ServiceProfile
  apiVersion: linkerd.io/v1alpha2
  metadata: {name: smiley.faces.svc.cluster.local}
  spec:
    routes:
    - name: a
      condition: {all: [{method: GET}, {any: [{pathRegex: "/c.*"}]}, {not: {method: PUT}}]}
      timeout: 2s
      isRetryable: false
      responseClasses: [{isFailure: true, condition: {status: {min: 500}}}]
    dstOverrides:
    - {authority: "smiley.faces.svc.cluster.local:80", weight: 500m}
    - {authority: smiley2.faces.svc.cluster.local, weight: 1}
"""

TABLE: list[dict[str, Any]] = plain(EVERY_KIND)
SHIPPED = [one for file in sorted(MANIFESTS.rglob("*.yaml")) for one in read_manifests(file)]
OBJECTS = TABLE + [one.data for one in SHIPPED]

# What every object meets: the Server that policies are about, the authentication that they ask for.
POLICIES = [one for one in TABLE if one["kind"] in ("Server", "MeshTLSAuthentication")]

REQUESTS = [
    Request(Workload(*source), url)
    for source in (("faces", "face"), ("clients", "curl"))
    for url in (
        "http://smiley.faces/center/?row=1&col=1",
        "http://smiley.faces/edge/",
        "http://face.faces/center/",
        "grpc://color.faces/ColorService/Center",
        "http://istio-ingressgateway.istio-system/face/center/",
        "https://istio-ingressgateway.istio-system/",
    )
]

VALUES: list[Any] = [
    None, True, 0, 7, -1, 1.5, 10**12, float("inf"), "", "text", "(", "7", "2s", "*", "a:b:c", "²",
    [], [None], [7], ["text"], [[]], [{}], {}, {"text": "text"}, {"text": None}, {"name": "text"},
]  # fmt: skip


@cache
def cluster(mesh: Mesh) -> State:
    """Both meshes, and the shipped applications in one of them."""
    state = State()
    for one in Mesh:
        state = changes.install(state, one)
    for namespace in ("faces", "clients", "outside", "demo", "httpbin"):
        state = changes.place(state, namespace, [mesh])
    return changes.apply(changes.apply(state, APPS), read(*POLICIES))


def read(*objects: dict[str, Any]) -> tuple[Resource, ...]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "written.json")
        items = {"apiVersion": "v1", "kind": "List", "items": [_named(one) for one in objects]}
        file.write_text(json.dumps(items))
        return read_manifests(file)


def _named(data: dict[str, Any]) -> dict[str, Any]:
    metadata = data["metadata"]
    return {**data, "metadata": {"namespace": "faces", **metadata}} if isinstance(metadata, dict) else data


def paths(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where an object can be changed: everywhere but in what names it."""
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in parts:
        here = (*path, key)
        if here not in (("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")):
            yield here
        yield from paths(item, here)


DELETED = object()


def changed(data: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    data = copy.deepcopy(data)
    part: Any = data
    for key in path[:-1]:
        part = part[key]
    if value is DELETED:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return data


def decided(state: State, request: Request) -> str:
    """The error that a request ends in, empty if the outcomes are a distribution."""
    try:
        assert sum(group.weight for group in decide(state, request).groups) == 1
    except HarnessError as error:
        return str(error)
    return ""


def judged(mesh: Mesh, data: dict[str, Any]) -> list[str]:
    """The error that an object is refused with, or those that requests end in."""
    try:
        state = changes.restart(changes.apply(cluster(mesh), read(data)), "faces")
    except HarnessError as error:
        return [str(error)]
    return [error for request in REQUESTS if (error := decided(state, request))]


def test_the_table_has_every_kind():
    found = {(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in TABLE}
    assert found == set(KINDS)
    assert not found & INERT


@pytest.mark.parametrize("mesh", Mesh)
@pytest.mark.parametrize("data", TABLE, ids=lambda data: f"{data['apiVersion']}-{data['kind']}")
def test_unchanged(mesh: Mesh, data: dict[str, Any]):
    assert all("isn't modelled" in error for error in judged(mesh, data))


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    data = draw(st.sampled_from(OBJECTS))
    for _ in range(draw(st.integers(1, 2))):
        places = list(paths(data))
        if places:
            value = draw(st.sampled_from([DELETED, *VALUES]))
            data = changed(data, draw(st.sampled_from(places)), value)
    return data


@settings(max_examples=250)
@given(mutants(), st.sampled_from(Mesh))
def test_any_change(data: dict[str, Any], mesh: Mesh):
    for error in judged(mesh, data):
        assert data["metadata"]["name"] in error or "faces/" in error

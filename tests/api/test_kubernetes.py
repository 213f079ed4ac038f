"""What is read of Kubernetes' own kinds: YAML in, values and places out."""

import pytest

from harness.api.kubernetes.definition import MutatingWebhookConfiguration
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.network_policy import NetworkPolicy
from harness.api.kubernetes.pod import KubeletProbe, Resolver, port_of
from harness.api.kubernetes.selector import LabelSelector
from harness.api.kubernetes.service import Endpoints, EndpointSlice, Service
from harness.api.kubernetes.status import PodStatus
from harness.api.kubernetes.workload import made_by, pod_names, replicas, same_pods, template_of, workloads
from harness.base.resources import Resource
from harness.base.vocabulary import Workload
from harness.manifests.documents import plain

KINDS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "CronJob": "batch/v1"}


def read(kind: str, text: str) -> Resource:
    data = plain(text)
    return Resource(KINDS.get(kind, "v1"), kind, "shop", "web", data, "f.yaml:1")


def templated(kind: str, pod: str, metadata: str = "{}") -> Resource:
    """A workload object of this kind (or Pod) with this pod's spec."""
    inner = f"metadata: {metadata}, spec: {pod}"
    outer = {
        "Pod": inner,
        "CronJob": f"spec: {{jobTemplate: {{spec: {{template: {{{inner}}}}}}}}}",
    }.get(kind, f"spec: {{template: {{{inner}}}}}")
    return read(kind, f"{{{outer}}}")


@pytest.mark.parametrize(
    ("spec", "account"),
    [
        ("{}", "default"),
        ("{serviceAccountName: web}", "web"),
        ("{serviceAccount: old}", "old"),
        ("{serviceAccountName: web, serviceAccount: old}", "web"),
        ('{serviceAccountName: "", serviceAccount: old}', "old"),
        ("{serviceAccountName: null, serviceAccount: old}", "old"),
        ('{serviceAccountName: "", serviceAccount: ""}', "default"),
    ],
)
@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet", "DaemonSet", "CronJob"])
def test_service_account(kind, spec, account):
    assert template_of(templated(kind, spec)).spec.service_account == account


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("Pod", "spec.containers[0].env[0].value"),
        ("Deployment", "spec.template.spec.containers[0].env[0].value"),
        ("CronJob", "spec.jobTemplate.spec.template.spec.containers[0].env[0].value"),
    ],
)
def test_a_templates_fields_know_their_place(kind, place):
    template = template_of(templated(kind, "{containers: [{env: [{name: A, value: b}]}]}"))
    assert template.spec.containers[0].env[0].at("value") == place


def test_containers():
    template = template_of(
        templated(
            "Pod",
            """{
              initContainers: [{name: once}, {name: side, restartPolicy: Always}],
              containers: [{
                name: app, image: web, command: [run], args: [fast],
                env: [{name: A, value: b}, {name: EMPTY, value: ""}, {name: FROM, valueFrom: {}}],
                ports: [{name: http, containerPort: 80}, {containerPort: 81}],
              }],
            }""",
        )
    )
    (app,) = template.spec.containers
    assert [one.name for one in template.spec.lasting] == ["side", "app"]
    assert (app.command, app.args, app.variables) == (("run",), ("fast",), {"A": "b", "EMPTY": ""})
    assert (app.named_ports, [port.number for port in app.ports]) == ({"http": 80}, [80, 81])


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        ("{httpGet: {port: 80}}", KubeletProbe("readinessProbe", "httpGet", 80)),
        (
            "{httpGet: {port: web, path: /up, scheme: HTTPS}}",
            KubeletProbe("readinessProbe", "httpGet", 8080, "/up", tls=True),
        ),
        ('{httpGet: {port: "81", path: ""}}', KubeletProbe("readinessProbe", "httpGet", 81)),
        ("{tcpSocket: {port: other}}", KubeletProbe("readinessProbe", "tcpSocket", None)),
        ("{grpc: {port: 9}}", KubeletProbe("readinessProbe", "grpc", 9)),
        ("{exec: {command: [ls]}}", KubeletProbe("readinessProbe", "exec")),
        ("{}", None),
    ],
)
def test_probes(probe, wanted):
    ports = "[{name: web, containerPort: 8080}]"
    template = template_of(
        templated("Deployment", f"{{containers: [{{ports: {ports}, readinessProbe: {probe}}}]}}")
    )
    assert next(template.spec.containers[0].probes(), None) == wanted


@pytest.mark.parametrize(
    ("target", "protocol", "number"),
    [
        (80, "TCP", 80),
        ("81", "TCP", 81),
        ("http", "TCP", 8080),  # the ordinary container's, though the sidecar starts first
        ("side", "TCP", 9000),
        ("once", "TCP", None),
        ("dns", "TCP", None),
        ("dns", "UDP", 53),
    ],
)
def test_target_ports(target, protocol, number):
    spec = """{
      initContainers: [
        {name: once, ports: [{name: once, containerPort: 1}]},
        {restartPolicy: Always, ports: [{name: http, containerPort: 1}, {name: side, containerPort: 9000}]},
      ],
      containers: [
        {ports: [{name: dns, containerPort: 53, protocol: UDP}]},
        {ports: [{name: http, containerPort: 8080}]},
      ],
    }"""
    named = template_of(templated("Pod", spec)).spec.named_ports
    assert port_of(target, named, protocol) == number


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("{}", Resolver()),
        ("{hostNetwork: true}", Resolver(cluster=False)),
        ("{hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}", Resolver()),
        ("{dnsPolicy: Default}", Resolver(cluster=False)),
        ("{dnsConfig: {searches: [a.example]}}", Resolver(searches=("a.example",))),
        ('{dnsConfig: {options: [{name: ndots, value: "2"}, {name: edns0}]}}', Resolver(ndots=2)),
        ("{dnsConfig: {options: [{name: ndots, value: many}]}}", Resolver()),
    ],
)
def test_resolver(spec, wanted):
    assert template_of(templated("Pod", spec)).spec.resolver == wanted


@pytest.mark.parametrize(
    ("spec", "headless", "addresses", "alias"),
    [
        ("{}", False, (), ""),
        ("{clusterIP: None}", True, (), ""),
        ("{clusterIP: 10.0.0.1}", False, ("10.0.0.1",), ""),
        ('{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, "fd00::1"]}', False, ("10.0.0.1", "fd00::1"), ""),
        ("{clusterIP: None, clusterIPs: [None]}", True, (), ""),
        ("{type: ExternalName, externalName: Api.Example.}", False, (), "api.example"),
    ],
)
def test_service_addresses(spec, headless, addresses, alias):
    resource = read("Service", f"{{spec: {spec}}}")
    service = Service.of(resource)
    assert (service.headless, service.addresses, service.alias) == (headless, addresses, alias)
    assert service.is_alias is bool(alias)
    assert Service.kept(resource).headless is headless


def test_service_ports():
    ports = """[
      {port: 80},
      {port: 81, targetPort: web, name: http, appProtocol: kubernetes.io/h2c},
      {port: 53, targetPort: 0, protocol: UDP},
    ]"""
    resource = read("Service", f"{{spec: {{selector: {{app: web}}, ports: {ports}}}}}")
    read_ports = Service.of(resource).ports
    assert [(port.number, port.target, port.protocol) for port in read_ports] == [
        (80, 80, "TCP"),
        (81, "web", "TCP"),
        (53, 53, "UDP"),
    ]
    assert (read_ports[1].name, read_ports[1].app_protocol) == ("http", "kubernetes.io/h2c")
    assert read_ports[1].at("name") == "spec.ports[1].name"
    assert Service.kept(resource).selector == {"app": "web"}


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("{}", {}, True),
        ("{matchLabels: {a: b}}", {"a": "b", "c": "d"}, True),
        ("{matchLabels: {a: b}}", {"a": "c"}, False),
        ("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", {"a": "c"}, True),
        ("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", {}, False),
        ("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", {}, True),
        ("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", {"a": "b"}, False),
        ("{matchExpressions: [{key: a, operator: Exists}]}", {"a": ""}, True),
        ("{matchExpressions: [{key: a, operator: Exists}]}", {}, False),
        ("{matchExpressions: [{key: a, operator: DoesNotExist}]}", {}, True),
        ("{matchExpressions: [{key: a, operator: DoesNotExist}]}", {"a": ""}, False),
        ("{matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}", {"a": "b"}, False),
    ],
)
def test_label_selector(selector, labels, selected):
    resource = read("Thing", f"{{spec: {selector}}}")
    assert LabelSelector(resource, "spec", resource.data["spec"]).selects(labels) is selected


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        ("{}", ("ingress",)),
        ("{ingress: [{}]}", ("ingress",)),
        ("{egress: [{}]}", ("ingress", "egress")),
        ("{policyTypes: [Egress], ingress: [{}]}", ("egress",)),
    ],
)
def test_network_policy_directions(spec, directions):
    assert NetworkPolicy.of(read("NetworkPolicy", f"{{spec: {spec}}}")).directions == directions


def test_network_policy_rules():
    spec = "{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: web}]}]}"
    (rule,) = NetworkPolicy.of(read("NetworkPolicy", f"{{spec: {spec}}}")).rules("egress")
    (peer,) = rule.peers
    assert (peer.block.path, peer.block.excluded) == ("spec.egress[0].to[0].ipBlock", ("10.1.0.0/16",))
    assert (rule.ports[0].port, rule.ports[0].protocol) == ("web", "TCP")


def test_endpoints():
    text = """{endpoints: [
      {addresses: [10.0.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: a}},
      {addresses: [10.0.0.2], conditions: {}, targetRef: {kind: Node, name: b}},
    ], ports: [{name: http, port: 80}, {name: any}]}"""
    first, second = EndpointSlice.of(read("EndpointSlice", text)).endpoints
    assert (first.conditions.ready, first.target.pod, first.path) == (False, "a", "endpoints[0]")
    assert (second.conditions.ready, second.target.pod) == (True, "")
    old = (
        "{subsets: [{addresses: [{ip: 10.0.0.1}], notReadyAddresses: [{ip: 10.0.0.2}], ports: [{port: 1}]}]}"
    )
    (subset,) = Endpoints.of(read("Endpoints", old)).subsets
    assert (subset.unready[0].ip, subset.unready[0].path) == ("10.0.0.2", "subsets[0].notReadyAddresses[0]")


def test_webhooks():
    text = "{webhooks: [{name: a.b, namespaceSelector: {matchLabels: {x: y}}}]}"
    (webhook,) = MutatingWebhookConfiguration.of(read("MutatingWebhookConfiguration", text)).webhooks
    assert webhook.namespaces.selects({"x": "y"})
    assert not webhook.namespaces.selects({})
    assert webhook.objects.selects({})


@pytest.mark.parametrize(
    ("owners", "workload"),
    [
        ("[]", None),
        ("[{kind: ReplicaSet, name: web-abc}]", None),
        ("[{kind: ReplicaSet, name: web-abc, controller: true}]", Workload("shop", "web")),
        ("[{kind: StatefulSet, name: web-abc, controller: true}]", Workload("shop", "web-abc")),
        (
            "[{kind: Node, name: n}, {kind: DaemonSet, name: agent, controller: true}]",
            Workload("shop", "agent"),
        ),
    ],
)
def test_what_made_a_pod(owners, workload):
    pod = read("Pod", f"{{metadata: {{labels: {{pod-template-hash: abc}}, ownerReferences: {owners}}}}}")
    assert made_by(pod) == workload
    assert Metadata.of(pod).labels == {"pod-template-hash": "abc"}


@pytest.mark.parametrize(
    ("status", "ready", "over"),
    [
        ("{}", False, False),
        ('{phase: Running, conditions: [{type: Ready, status: "True"}]}', True, False),
        ('{phase: Running, conditions: [{type: Ready, status: "False"}]}', False, False),
        ("{phase: Succeeded}", False, True),
        ("{phase: Failed}", False, True),
    ],
)
def test_pod_status(status, ready, over):
    read_status = PodStatus.of(read("Pod", f"{{status: {status}}}"))
    assert (read_status.ready, read_status.over) == (ready, over)


def test_pods_of_workloads():
    web = templated("Deployment", "{hostname: a}")
    assert pod_names(web) == pod_names(templated("Deployment", "{hostname: a}"))
    assert pod_names(web) != pod_names(templated("Deployment", "{hostname: b}"))
    assert pod_names(read("StatefulSet", "{spec: {replicas: 2, ordinals: {start: 3}}}")) == ("web-3", "web-4")
    assert (replicas(web), replicas(read("Deployment", "{spec: {replicas: 0}}"))) == (1, 0)
    assert workloads([web, templated("Pod", "{}")]) == (Workload("shop", "web"),)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("{template: {metadata: {labels: {a: b}}, spec: {hostname: x}}}", True),
        ("{paused: true, template: {metadata: {labels: {a: b}}, spec: {hostname: x}}}", True),
        ("{replicas: 1, template: {metadata: {labels: {a: b}}, spec: {hostname: x}}}", True),
        ("{replicas: 2, template: {metadata: {labels: {a: b}}, spec: {hostname: x}}}", False),
        ("{template: {metadata: {labels: {a: c}}, spec: {hostname: x}}}", False),
        ("{template: {metadata: {labels: {a: b}}, spec: {hostname: y}}}", False),
    ],
)
def test_same_pods(other, same):
    web = read("Deployment", "{spec: {template: {metadata: {labels: {a: b}}, spec: {hostname: x}}}}")
    assert same_pods(web, read("Deployment", f"{{spec: {other}}}")) is same

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.base.errors import InputError
from harness.base.vocabulary import Mesh, Workload
from harness.cli import app
from harness.model import load

ROOT = Path(__file__).parents[1]
FACES = "manifests/faces"
CONFIGS = "manifests/configs/faces"
COLOR = "grpc://color/ColorService/Center"
ISTIO_ID = "spiffe://cluster.local/ns/faces/sa/default"
LINKERD_ID = "default.faces.serviceaccount.identity.linkerd.cluster.local"


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def explain(*arguments: str, files: tuple[str, ...] = (), source: str = "faces/face"):
    paths = [part for file in (FACES, *files) for part in ("-f", file)]
    return CliRunner().invoke(app, ["explain", *paths, "--from", source, *arguments])


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "written.yaml"
    file.write_text(text)
    return str(file)


# mesh of faces, config, request; a part of what must be told, line by line
DECISIONS = {
    "VirtualService splits": (
        "istio",
        "istio/color-split.yaml",
        [COLOR],
        [
            "faces/face POST grpc://color/ColorService/Center through istio-proxy, predicted by the model",
            "├── 1/2 (50 %): 200 grpc-status 0 from faces/color",
            "│   ├── VirtualService faces/color-split: takes 50 of 100: color.faces.svc.cluster.local",
            f"│   │     spec.http[0].route[0].weight, {CONFIGS}/istio/color-split.yaml:9:7",
            f"│   └── the last hop is mutual TLS by istio as {ISTIO_ID}",
            "└── 1/2 (50 %): 200 grpc-status 0 from faces/color2",
        ],
    ),
    "VirtualService without a proxy": (
        "none",
        "istio/color-split.yaml",
        [COLOR],
        [
            f"faces/face POST {COLOR} without a proxy, predicted by the model",
            "└── always: 200 grpc-status 0 from faces/color",
            "    ├── not taken: VirtualService faces/color-split: doesn't count: faces/face has no proxy",
            f"    │     spec.hosts, {CONFIGS}/istio/color-split.yaml:5:3",
            "    └── the last hop is plaintext",
        ],
    ),
    "route without parents": (
        "linkerd",
        "linkerd/color-split-ports.yaml",
        [COLOR],
        [
            "└── always: 200 grpc-status 0 from faces/color",
            "    ├── not taken: HTTPRoute faces/color-split: names no parent: no effect",
            f"    │     spec.parentRefs, {CONFIGS}/linkerd/color-split-ports.yaml:5:1",
            f"    └── the last hop is mutual TLS by linkerd as {LINKERD_ID}",
        ],
    ),
    "method that no ALLOW takes": (
        "istio",
        "istio/restrict-faces.yaml",
        ["POST", "http://smiley/"],
        [
            "faces/face POST http://smiley/ through istio-proxy, predicted by the model",
            "└── always: 403",
            "    ├── not taken: AuthorizationPolicy faces/restrict-faces: doesn't match the request",
            f"    │     spec.rules[0].to, {CONFIGS}/istio/restrict-faces.yaml:12:5",
        ],
    ),
    "method that no route takes": (
        "linkerd",
        "linkerd/restrict-faces.yaml",
        ["POST", "http://smiley/"],
        [
            "└── always: 404",
            "    ├── not taken: HTTPRoute faces/faces-get: doesn't match the request",
            f"    │     spec.rules[0], {CONFIGS}/linkerd/restrict-faces.yaml:16:5",
        ],
    ),
    "policy on a Namespace without Server": (
        "linkerd",
        "linkerd/restrict-faces-guide.yaml",
        ["http://smiley/"],
        [
            "└── always: 403",
            "    ├── no Server selects faces/smiley's port: its default inbound policy is deny",
            "    ├── not taken: AuthorizationPolicy faces/restrict-faces: "
            "targets the Namespace: acts through Servers only",
        ],
    ),
    "delay": (
        "istio",
        "istio/smiley-delay.yaml",
        ["http://smiley/center/"],
        [
            "└── always: 200 from faces/smiley after 5 s",
            "    ├── VirtualService faces/smiley-delay: delays by 5 s",
        ],
    ),
    "header": (
        "istio",
        "istio/color-split.yaml",
        ["http://smiley/", "-H", "Host: color"],
        ["    ├── VirtualService faces/color-split: speaks for color on the client's sidecar"],
    ),
}


@pytest.mark.parametrize(("mesh", "config", "request_", "lines"), DECISIONS.values(), ids=DECISIONS)
def test_the_tree(mesh: str, config: str, request_: list[str], lines: list[str]):
    result = explain(*request_, "--mesh", f"faces={mesh}", files=(f"{CONFIGS}/{config}",))
    assert result.exit_code == 0, result.stderr
    told = result.stdout.splitlines()
    assert [line for line in lines if line not in told] == []


def test_json_has_exact_probabilities_outcomes_hop_and_trace():
    files = (f"{CONFIGS}/istio/color-split.yaml",)
    result = explain(COLOR, "-H", "x-user: me", "--mesh", "faces=istio", "--json", files=files)
    told = json.loads(result.stdout)
    assert told["request"] == {
        "from": "faces/face",
        "proxy": "istio-proxy",
        "method": "POST",
        "url": COLOR,
        "headers": [{"name": "x-user", "value": "me"}],
        "claims": None,
    }
    assert told["basis"] == "predicted"
    for one, backend in zip(told["outcomes"], ("color", "color2"), strict=True):
        assert one["probability"] == {"exact": "1/2", "float": 0.5}
        assert one["outcome"]["backend"] == f"faces/{backend}"
        assert (one["outcome"]["status"], one["outcome"]["grpc_status"]) == (200, 0)
        assert one["outcome"]["failure"] is None
        assert one["hop"] == {"mutual": True, "mesh": "istio", "client": ISTIO_ID, "server": ISTIO_ID}
        assert one["transport"] == "mutual"
    assert told["outcomes"][0]["trace"][2] == {
        "taken": True,
        "text": "takes 50 of 100: color.faces.svc.cluster.local",
        "resource": "VirtualService faces/color-split",
        "field": "spec.http[0].route[0].weight",
        "where": f"{CONFIGS}/istio/color-split.yaml:9:7",
        "action": "shared",
        "object": {
            "group": "networking.istio.io",
            "kind": "VirtualService",
            "namespace": "faces",
            "name": "color-split",
        },
        "also": [],
        "place": {"file": f"{CONFIGS}/istio/color-split.yaml", "line": 9, "column": 7, "from": ""},
        "parts": [{"number": 50}, {"number": 100}, {"text": "color.faces.svc.cluster.local"}],
        "links": [],
        "depth": 0,
        "arrivals": [],
    }


def test_likelier_outcomes_come_first(tmp_path: Path):
    split = (ROOT / CONFIGS / "istio/color-split.yaml").read_text()
    uneven = split.replace("50", "1", 1).replace("50", "2")
    result = explain(COLOR, "--mesh", "faces=istio", files=(written(tmp_path, uneven),))
    assert [line for line in result.stdout.splitlines() if "%" in line] == [
        "├── 2/3 (66.67 %): 200 grpc-status 0 from faces/color2",
        "└── 1/3 (33.33 %): 200 grpc-status 0 from faces/color",
    ]


def test_what_fails_is_named():
    told = json.loads(explain("http://nobody/", "--json").stdout)
    outcome = told["outcomes"][0]["outcome"]
    assert (outcome["status"], outcome["failure"]) == (None, "could not resolve host (curl 6)")
    assert told["outcomes"][0]["hop"] is None
    assert told["request"]["proxy"] is None


VALID = "valid: faces/color, faces/color2, faces/face, faces/faces-gui, faces/smiley, faces/smiley2"

# arguments, what they are given with, the error
WRONG_ARGUMENTS = {
    "workload": (
        ["http://smiley/"],
        "faces/smily",
        "there is no running workload faces/smily\n  do:  did you",
    ),
    "workloads of another name": (["http://smiley/"], "x/y", f"no running workload x/y\n  do:  {VALID}"),
    "no namespace": (["http://smiley/"], "face", "'face' isn't a workload: write namespace/name"),
    "URL": (
        ["smiley"],
        "faces/face",
        "'smiley' isn't a URL to probe: write http://host[:port]/path, grpc://…, "
        "https://… or tcp://host:port",
    ),
    "scheme": (["ftp://smiley/"], "faces/face", "'ftp://smiley/' isn't a URL to probe"),
    "port": (["http://smiley:x/"], "faces/face", "'http://smiley:x/' isn't a URL to probe"),
    "method": (
        ["get", "http://smiley/"],
        "faces/face",
        "'get' isn't an HTTP method\n  do:  write [METHOD] URL",
    ),
    "URL before method": (["http://smiley/", "GET"], "faces/face", "'http://smiley/' isn't an HTTP method"),
    "too much": (["GET", "http://smiley/", "x"], "faces/face", "too much to send: GET http://smiley/ x"),
    "header": (["http://smiley/", "-H", "x"], "faces/face", "'x' isn't a header\n  do:  write 'name: value'"),
    "mesh": (
        ["http://smiley/", "--mesh", "istoi"],
        "faces/face",
        "unknown mesh 'istoi'\n  do:  did you mean istio?",
    ),
    "mesh of a namespace": (
        ["http://smiley/", "--mesh", "faces=x"],
        "faces/face",
        "unknown mesh 'x'\n  do:  valid: istio, linkerd, none",
    ),
    "namespace": (
        ["http://smiley/", "--mesh", "face=istio"],
        "faces/face",
        "no manifest has anything in a namespace 'face'\n  do:  did you mean faces? Valid: faces",
    ),
}


@pytest.mark.parametrize(("arguments", "source", "message"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments(arguments: list[str], source: str, message: str):
    result = explain(*arguments, source=source)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def manifest(api: str, kind: str, spec: str) -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: it, namespace: faces}}\nspec: {spec}\n"


# a file beside faces', the arguments, the error
WRONG_MANIFESTS = {
    "no YAML": ("a: [", [], ": not YAML: while parsing a flow"),
    "no object": ("text", [], "written.yaml:1:1: not a Kubernetes object but text"),
    "refused by the API": (
        (ROOT / CONFIGS / "linkerd/color-split-raw.yaml").read_text(),
        [],
        'written.yaml:9:7: The HTTPRoute "color-split" is invalid: spec.rules[0].backendRefs[0]: '
        'Invalid value: "object": Must have port for Service reference',
    ),
    "kind of a mesh that isn't installed": (
        manifest("policy.linkerd.io/v1beta3", "Server", "{podSelector: {}, port: 8000}"),
        ["--mesh", "istio"],
        'written.yaml:1:1: no matches for kind "Server" in version "policy.linkerd.io/v1beta3"',
    ),
    "kind that isn't modelled": (
        manifest("networking.istio.io/v1", "EnvoyFilter", "{}"),
        [],
        "written.yaml:2:1: EnvoyFilter faces/it is of a kind that the harness doesn't read",
    ),
    "field that isn't modelled": (
        manifest(
            "networking.istio.io/v1",
            "ServiceEntry",
            "{hosts: [a.b], ports: [{number: 80, name: http}], resolution: STATIC, endpoints: [{address: 1.2.3.4, network: n}]}",
        ),
        [],
        "written.yaml:4:108: ServiceEntry faces/it spec.endpoints[0].network isn't modelled",
    ),
    "a part is missing": (
        manifest("v1", "Service", "{selector: {service: smiley}, ports: [{}]}"),
        [],
        'written.yaml:4:45: The Service "it" is invalid: spec.ports[0].port: Required value',
    ),
}


@pytest.mark.parametrize(("text", "arguments", "message"), WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS)
def test_wrong_manifests(tmp_path: Path, text: str, arguments: list[str], message: str):
    result = explain("http://it/", "--strict", *arguments, files=(written(tmp_path, text),))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_path_that_is_not_there():
    result = explain("http://smiley/", files=("no/such.yaml",))
    assert result.exit_code == 2
    assert result.stderr.startswith("no/such.yaml: can't be read")


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: faces, %s}\n"
ROUTE = manifest("gateway.networking.k8s.io/v1", "HTTPRoute", "{}")

# a file beside faces', what is asked for; the meshes installed, the proxy of faces' pods
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: it, namespace: faces, %s}
spec: {containers: [{name: it, image: any}]}
"""
STATES = {
    "nothing": ("", {}, set(), None),
    "Istio's label": (NAMESPACE % "labels: {istio-injection: enabled}", {}, {Mesh.ISTIO}, Mesh.ISTIO),
    "Linkerd's annotation": (
        NAMESPACE % "annotations: {linkerd.io/inject: enabled}",
        {},
        {Mesh.LINKERD},
        Mesh.LINKERD,
    ),
    "both": (
        NAMESPACE % "labels: {istio-injection: enabled}, annotations: {linkerd.io/inject: enabled}",
        {},
        {Mesh.ISTIO, Mesh.LINKERD},
        Mesh.ISTIO,
    ),
    "a kind": (
        manifest("networking.istio.io/v1", "DestinationRule", "{host: x}"),
        {},
        {Mesh.ISTIO},
        Mesh.ISTIO,
    ),
    "Gateway API alone": (ROUTE, {}, set(), None),
    "a mesh that nothing asks for": ("", {"meshes": {Mesh.LINKERD}}, {Mesh.LINKERD}, Mesh.LINKERD),
    "another mesh than is asked for": (
        NAMESPACE % "labels: {istio-injection: enabled}",
        {"meshes": {Mesh.LINKERD}},
        {Mesh.LINKERD},
        None,
    ),
    "two meshes that nothing asks for": ("", {"meshes": set(Mesh)}, set(Mesh), None),
    "a namespace that declines": (
        NAMESPACE % "labels: {istio-injection: disabled}",
        {"meshes": {Mesh.ISTIO}},
        {Mesh.ISTIO},
        None,
    ),
    "a pod that declines": (
        POD % "labels: {sidecar.istio.io/inject: 'false'}",
        {"meshes": {Mesh.ISTIO}},
        {Mesh.ISTIO},
        Mesh.ISTIO,
    ),
    "a gateway asks for itself alone": (
        POD % "labels: {sidecar.istio.io/inject: 'true'}, annotations: {inject.istio.io/templates: gateway}",
        {},
        {Mesh.ISTIO},
        Mesh.ISTIO,
    ),
    "a pod asks for itself": (
        POD % "labels: {sidecar.istio.io/inject: 'true'}",
        {},
        {Mesh.ISTIO},
        None,
    ),
    "a revision": (NAMESPACE % "labels: {istio.io/rev: canary}", {}, {Mesh.ISTIO}, Mesh.ISTIO),
    "nowhere placed": ("", {"meshes": {Mesh.ISTIO}, "placed": {"faces": None}}, {Mesh.ISTIO}, None),
    "placed": ("", {"placed": {"faces": Mesh.LINKERD}}, {Mesh.LINKERD}, Mesh.LINKERD),
    "placed elsewhere": (
        NAMESPACE % "labels: {istio.io/rev: default}",
        {"placed": {"faces": Mesh.LINKERD}},
        {Mesh.ISTIO, Mesh.LINKERD},
        Mesh.LINKERD,
    ),
    "placed nowhere": (
        NAMESPACE % "annotations: {linkerd.io/inject: enabled}",
        {"placed": {"faces": None}},
        {Mesh.LINKERD},
        None,
    ),
}


@pytest.mark.parametrize(("text", "asked", "meshes", "proxy"), STATES.values(), ids=STATES)
def test_loading(tmp_path: Path, text: str, asked: dict, meshes: set[Mesh], proxy: Mesh | None):
    extra = [Path(written(tmp_path, text))] if text else []
    state = load([Path(FACES), *extra], **asked)
    assert state.meshes == meshes
    assert state.pods_of(Workload("faces", "smiley"))[0].mesh is proxy


def test_pods_that_ask_for_a_mesh_or_bring_its_proxy(tmp_path: Path):
    text = """
apiVersion: v1
kind: Pod
metadata: {name: it, namespace: faces, %s}
spec: {containers: [{name: %s, image: any}]}
"""
    found = {
        load([Path(written(tmp_path, text % parts))]).pods_of(Workload("faces", "it"))[0].mesh
        for parts in (
            ("labels: {sidecar.istio.io/inject: 'true'}", "app"),
            ("annotations: {linkerd.io/inject: enabled}", "app"),
        )
    }
    assert found == {Mesh.ISTIO, Mesh.LINKERD}
    assert load([Path(written(tmp_path, text % ("labels: {}", "linkerd-proxy")))]).meshes == {Mesh.LINKERD}


def test_a_later_path_is_younger(tmp_path: Path):
    """Of two VirtualServices for a host the older speaks for it on sidecars."""
    first, second = tmp_path / "b.yaml", tmp_path / "a.yaml"
    spec = "{hosts: [smiley], http: [{directResponse: {status: %d}}]}"
    for file, status in ((first, 201), (second, 202)):
        text = manifest("networking.istio.io/v1", "VirtualService", spec % status)
        file.write_text(text.replace("name: it", f"name: {file.stem}"))
    for order, status in (((first, second), 201), ((second, first), 202)):
        files = tuple(map(str, order))
        told = json.loads(explain("http://smiley/", "--mesh", "faces=istio", "--json", files=files).stdout)
        assert told["outcomes"][0]["outcome"]["status"] == status


def test_a_dump_s_times_decide_which_is_older(tmp_path: Path):
    """The older by its time, though it is the later by name and by place in the file."""
    spec = "{hosts: [smiley], http: [{directResponse: {status: %d}}]}"
    made = (("a", "2026-01-02T00:00:00Z", 201), ("b", "2026-01-01T00:00:00Z", 202))
    text = "---\n".join(
        manifest("networking.istio.io/v1", "VirtualService", spec % status).replace(
            "name: it", f'name: {name}, uid: {name}, creationTimestamp: "{time}"'
        )
        for name, time, status in made
    )
    files = (written(tmp_path, text),)
    told = json.loads(explain("http://smiley/", "--mesh", "faces=istio", "--json", files=files).stdout)
    assert told["outcomes"][0]["outcome"]["status"] == 202


def test_an_unknown_namespace_is_an_input_error():
    with pytest.raises(InputError, match="in a namespace 'nowhere'"):
        load([Path(FACES)], placed={"nowhere": Mesh.ISTIO})


def test_the_same_manifests_give_the_same_words():
    told = {explain(COLOR, "--mesh", "faces=istio").stdout for _ in range(2)}
    assert len(told) == 1


def test_it_decides_without_what_it_does_not_know_and_names_it(tmp_path: Path):
    spec = "{configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_OUTBOUND, listener: {portNumber: 80}}, patch: {operation: REMOVE}}]}"
    filter_ = written(tmp_path, manifest("networking.istio.io/v1alpha3", "EnvoyFilter", spec))
    assert explain("http://smiley/", "--strict", files=(filter_,)).exit_code == 2
    result = explain("http://smiley/", files=(filter_,))
    assert result.exit_code == 0
    assert "kinds that aren't read, applied as they are: 1 EnvoyFilter.networking.istio.io\n" in result.stderr
    assert "not taken: EnvoyFilter faces/it: not modelled: it changes" in result.stdout
    assert "EnvoyFilter faces/it" not in explain("http://smiley:81/", files=(filter_,)).stdout


# arguments, the error
WRONG_SOURCES = {
    "none": ([], "nothing to decide on\n  do:  name manifests, or a cluster's context (--context)"),
    "a kubeconfig without context": (["--kubeconfig", "x"], "nothing to decide on"),
    "two": (
        ["--context", "a", "-f", FACES],
        "--context goes with neither manifests, --mesh nor --gateway-api",
    ),
    "a context that isn't there": (["--context", "a", "--kubeconfig", "x"], "no usable context a"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG_SOURCES.values(), ids=WRONG_SOURCES)
def test_wrong_sources(arguments: list[str], message: str):
    result = CliRunner().invoke(app, ["explain", "http://x/", "--from", "a/b", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr

from __future__ import annotations

import json
import shutil
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.api.kubernetes.service import services_of
from harness.api.kubernetes.workload import workloads
from harness.base.errors import InputError, MissingError
from harness.base.vocabulary import Workload
from harness.cli import app
from harness.manifests.files import read, read_manifests
from harness.manifests.objects import Reading

ROOT = Path(__file__).parents[1]

DUMP = """\
apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: newer, namespace: shop, uid: b, resourceVersion: "2", creationTimestamp: "2026-01-02T00:00:00Z"}
  spec: {hosts: [web]}
  status: {}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata:
    name: older
    namespace: shop
    uid: a
    generation: 3
    creationTimestamp: "2026-01-01T00:00:00Z"
    annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}", keep: "me"}
    managedFields: [{manager: kubectl}]
  spec: {hosts: [web]}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1, namespace: shop, ownerReferences: [{kind: ReplicaSet, name: web, controller: true}]}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop, uid: c, creationTimestamp: "2026-01-03T00:00:00Z"}
  spec:
    clusterIP: 10.0.0.1
    clusterIPs: [10.0.0.1]
    type: NodePort
    ports: [{port: 80, nodePort: 30080}]
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: kube-root-ca.crt, namespace: shop}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "m.yaml") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_dump_loses_what_the_cluster_added_and_is_read_by_age(write):
    older, newer, service = read_manifests(write(DUMP))
    assert [str(r) for r in (older, newer, service)] == [
        "VirtualService shop/older", "VirtualService shop/newer", "Service shop/web",
    ]  # fmt: skip
    assert older.data["metadata"] == {"name": "older", "namespace": "shop", "annotations": {"keep": "me"}}
    assert "status" not in newer.data
    assert service.data["spec"] == {"type": "NodePort", "ports": [{"port": 80}]}
    assert str(older.where).endswith("m.yaml:9:3")
    assert (older.created, newer.created) == ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00")


OBJECT = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "NAME"}}'
TEMPLATE = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Values.name }}\n"
CONFIG = "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnodes: []\n"
# name: (files, how they are read, names of the objects, notes, what isn't read)
FOLDERS = {
    "by name, with all below": (
        {"b.yaml": "b", "a.json": "a", "a/z.yml": "z", "a/y/x.yaml": "x", "notes.md": "no"},
        {}, ["x", "z", "a", "b"], [], [],
    ),
    "not below": ({"b.yaml": "b", "a/z.yaml": "z"}, {"recursive": False}, ["b"], [], []),
    "no hidden folder": ({"b.yaml": "b", ".github/c.yaml": "c"}, {}, ["b"], [], []),
    "no values": (
        {"b.yaml": "b", "values.yaml": "image: x\n", "sub/cluster.yaml": CONFIG},
        {}, ["b"], ["skipped: 2 documents that aren't Kubernetes objects, the first in sub/cluster.yaml:1:1"], [],
    ),
    "one that isn't": (
        {"b.yaml": "b", "ci.yaml": "- job\n"}, {}, ["b"], ["skipped: ci.yaml, which is no Kubernetes object"], [],
    ),
    "no settings with comments": (
        {"b.yaml": "b", "tsconfig.json": '{"kind": "x" "y"}'},
        {}, ["b"], ["skipped: tsconfig.json, which is no Kubernetes object"], [],
    ),
    "a chart": (
        {"b.yaml": "b", "shop/Chart.yaml": "name: shop\n", "shop/templates/a.yaml": TEMPLATE, "shop/crds/c.yaml": "c"},
        {}, ["b"], [],
        ["shop: not read: a Helm chart: render it (helm template …), and name what comes of it"],
    ),
    "a template": (
        {"b.yaml": "b", "t.yaml": TEMPLATE}, {}, ["b"], [],
        ["t.yaml:4:10: not read: a template ({{ … }}): render it (helm template …), and name what comes of it"],
    ),
    "a template that is YAML": (
        {"b.yaml": "b", "t.yaml": TEMPLATE.replace("{{", "'{{").replace("}}", "}}'")}, {}, ["b"], [],
        ["t.yaml:4:3: not read: a template ({{ … }}): render it (helm template …), and name what comes of it"],
    ),
    "a broken object": (
        {"b.yaml": "b", "t.yaml": "kind: Secret\n"}, {}, ["b"], [],
        ["t.yaml:1:1: not read: not a Kubernetes object: apiVersion is missing"],
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes files of a mapping, whose short texts are names of objects."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(OBJECT.replace("NAME", text) if len(text) < 4 else text)
        return Path()

    return make


@pytest.mark.parametrize(("files", "options", "names", "notes", "unread"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_is_read(folder, files, options, names, notes, unread):
    manifests = read([folder(files)], Reading(**options))
    assert [each.name for each in manifests.resources] == names
    assert list(manifests.notes) == notes
    assert list(map(str, manifests.unread)) == unread


def test_what_isn_t_read_is_told_by_its_reason(folder):
    folder({f"{name}.yaml": TEMPLATE for name in "abcde"})
    (line,) = read([Path()]).remarks
    assert line.startswith("not read: a.yaml:4:10, b.yaml:4:10, c.yaml:4:10 and 2 more: a template")


@pytest.mark.parametrize("name", ["${NAME}", "$(NAME)"])
@pytest.mark.parametrize("key", ["name", "namespace"])
def test_templates_of_shells_are_not_read(folder, key, name):
    metadata = {"name": "a", key: name}
    folder(
        {"t.yaml": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata}), "a.yaml": "a"}
    )
    manifests = read([Path()])
    assert [each.name for each in manifests.resources] == ["a"]
    (unread,) = map(str, manifests.unread)
    assert unread.startswith("t.yaml:1:")
    assert unread.endswith(f": not read: an unrendered template ({name})")


def test_a_file_that_is_named_must_be_right(folder):
    folder({"t.yaml": TEMPLATE, "values.yaml": "image: x\n", "shop/Chart.yaml": "name: shop\n"})
    for path in ("t.yaml", "values.yaml", "shop"):
        with pytest.raises(InputError, match=path):
            read([Path(path)])


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"---\n" + OBJECT.encode())))
    (secret,) = read([Path("-")]).resources
    assert str(secret.place()) == "standard input:2:1"
    column = OBJECT.index('"name"') + 1
    assert str(secret.place("metadata.name")) == f"standard input:2:{column}"


def test_what_names_no_namespace_is_in_the_given_one(folder):
    folder({"a.yaml": "a", "b.yaml": "{apiVersion: v1, kind: Secret, metadata: {name: b, namespace: own}}"})
    folder({"c.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: c}}"})
    manifests = read([Path()], Reading(namespace="shop"))
    assert [(each.name, each.namespace) for each in manifests.resources] == [
        ("a", "shop"),
        ("b", "own"),
        ("c", ""),
    ]


def test_an_operator_needs_no_name(folder):
    folder({"i.yaml": "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {}\n"})
    assert [str(each) for each in read_manifests(Path("i.yaml"))] == ["IstioOperator default/installed-state"]


def test_of_objects_with_one_name_the_last_counts_in_the_first_one_s_place(folder):
    same = "{apiVersion: v1, kind: Secret, metadata: {name: NAME}, type: TYPE}"
    files = {f"{at}.yaml": same.replace("NAME", name) for at, name in zip("abcd", "xyxz", strict=True)}
    folder({name: text.replace("TYPE", name[0]) for name, text in files.items()})
    manifests = read([Path(), Path("d.yaml")])
    assert [(each.name, each.data["type"]) for each in manifests.resources] == [
        ("x", "c"),
        ("y", "b"),
        ("z", "d"),
    ]
    replaced = "c.yaml:1:1: Secret default/x replaces what stands at a.yaml:1:1: the last one counts, as with kubectl"
    assert manifests.notes == (replaced,)  # what is the same twice needs no word


KUSTOMIZED = {
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": "a",
    "base/unused.yaml": "u",
    "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\n",
    "common/b.yaml": "b",
    "common/c.yaml": "c",
    "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
def test_kustomizations_below_are_built_and_what_they_use_isn_t_read_again(folder):
    manifests = read([folder(KUSTOMIZED)])
    assert [each.name for each in manifests.resources] == ["b", "c", "prod-a"]
    assert manifests.unread == ()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
def test_what_a_kustomization_makes_has_its_file_in_any_namespace(folder):
    folder({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "a"})
    (secret,) = read([Path()], Reading(namespace="shop")).resources
    assert (str(secret), str(secret.place("metadata"))) == ("Secret shop/a", "a.yaml:1:40")


def test_a_kustomization_below_that_can_t_be_built_isn_t_read(folder, monkeypatch: pytest.MonkeyPatch):
    folder(KUSTOMIZED)
    monkeypatch.setenv("PATH", "")
    manifests = read([Path()])
    assert [each.name for each in manifests.resources] == ["b", "c"]
    assert [unread.path for unread in manifests.unread] == ["overlays/prod"]


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("v1", "Namespace"),
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema"),
        ("cert-manager.io/v1", "ClusterIssuer"),
    ],
)
def test_cluster_scoped_kinds_have_no_namespace(write, api, kind):
    (made,) = read_manifests(write(f"{{apiVersion: {api}, kind: {kind}, metadata: {{name: shop}}}}"))
    assert (str(made), made.namespace) == (f"{kind} shop", "")


KUSTOMIZATION = "namePrefix: my-\nresources: [m.yaml]\n"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
def test_a_kustomization_is_built(write, tmp_path: Path):
    write("{apiVersion: v1, kind: Secret, metadata: {name: a}}")
    write(KUSTOMIZATION, "kustomization.yaml")
    assert [str(r) for r in read_manifests(tmp_path)] == ["Secret default/my-a"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
def test_a_broken_kustomization_is_told_in_kubectl_s_words(write, tmp_path: Path):
    write(KUSTOMIZATION, "kustomization.yaml")
    with pytest.raises(InputError, match=r"kubectl kustomize can't build it\n  why: .*m.yaml"):
        read_manifests(tmp_path)


def test_a_kustomization_without_kubectl_says_what_to_do(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(KUSTOMIZATION, "kustomization.yaml")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingError, match="install kubectl"):
        read_manifests(tmp_path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- a\n", "m.yaml:1:1: not a Kubernetes object but a list"),
        ("kind: Service\n", "m.yaml:1:1: not a Kubernetes object: apiVersion is missing"),
        ("apiVersion: v1\nkind: Service\n", "m.yaml:1:1: Service without metadata.name"),
        ("{apiVersion: v1, kind: Pod, metadata: {generateName: a-}}", "Pod without metadata.name"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: 1}}}", 'quote it: x: "1"'),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: a, creationTimestamp: yesterday}}",
            "metadata.creationTimestamp must be a time",
        ),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: 1}}", "metadata.namespace must be text"),
        ("{apiVersion: v1, kind: List, items: {}}", "the items of a List must be a list"),
        ("a: 1\n---\nkind: {{ .Values.kind }}\n", "m.yaml:1:1: not a Kubernetes object: apiVersion"),
    ],
)
def test_refused(write, text: str, error: str):
    with pytest.raises(InputError) as caught:
        read_manifests(write(text))
    assert error in str(caught.value)


def test_an_empty_folder_is_told(tmp_path: Path):
    assert read([tmp_path]).notes == (f"{tmp_path}: the folder holds no manifest",)
    result = CliRunner().invoke(app, ["lint", str(tmp_path)])
    assert result.exit_code == 2
    assert "there is no object to decide on" in result.stderr


def test_services_of_a_workload():
    faces = read_manifests(ROOT / "manifests/faces")
    assert Workload("faces", "color2") in workloads(faces)
    assert services_of(Workload("faces", "smiley"), faces) == ("http://smiley.faces:80/",)


@pytest.mark.parametrize("folder", sorted(p for p in (ROOT / "manifests").iterdir()), ids=lambda p: p.name)
def test_every_shipped_app_reads(folder: Path):
    assert workloads(read_manifests(folder))

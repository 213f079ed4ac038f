from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.api.kubernetes.service import services_of
from harness.api.kubernetes.workload import workloads
from harness.base.errors import InputError, MissingError
from harness.base.vocabulary import Workload
from harness.manifests.files import read_manifests

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


def test_a_folder_is_read_as_kubectl_does(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    for name in ("b.yaml", "a.json", "sub/c.yaml", "notes.md"):
        (tmp_path / name).write_text(
            f'{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "{name[0]}"}}}}'
        )
    assert [str(r) for r in read_manifests(tmp_path)] == ["Secret default/a", "Secret default/b"]


def test_cluster_scoped_kinds_have_no_namespace(write):
    (namespace,) = read_manifests(write("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"))
    assert (str(namespace), namespace.namespace) == ("Namespace shop", "")


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


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="the folder holds no manifest"):
        read_manifests(tmp_path)


def test_services_of_a_workload():
    faces = read_manifests(ROOT / "manifests/faces")
    assert Workload("faces", "color2") in workloads(faces)
    assert services_of(Workload("faces", "smiley"), faces) == ("http://smiley.faces:80/",)


@pytest.mark.parametrize("folder", sorted(p for p in (ROOT / "manifests").iterdir()), ids=lambda p: p.name)
def test_every_shipped_app_reads(folder: Path):
    assert workloads(read_manifests(folder))

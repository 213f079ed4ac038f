"""Places: each field's own file, line and column, also in lists, several documents, flow style, anchors."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.places import Location, Place, Position
from harness.manifests.files import read_manifests
from harness.manifests.kustomize import Build
from harness.manifests.objects import Reading, built, from_api

if TYPE_CHECKING:
    from harness.base.resources import Resource

ROOT = Path(__file__).parent.parent

DOCUMENTS = """\
# Source: shop/templates/web.yaml
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    a.b/c: "1"
    a.b: "2"
spec: {selector: {app: web}, ports: [{port: 80}, {port: 81, name: x}]}
---
# Source: shop/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    # a comment

    defaultConfig:
      tracing: {sampling: 1}
    accessLogFile: ""
  folded: >
    a: 1
  quoted: "a: 1"
...
---
kind: List
apiVersion: v1
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: ü
    labels: {over: here}
  spec:
    template:
      metadata:
        labels:
          app: web
- {apiVersion: v1, kind: Service, metadata: {name: flow},
   spec: {ports: [{port: 80}]}}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec:
  selector: &labels
    app: alias
  merged:
    <<: *labels
    own: 1
  again: *labels
"""

# object, field; line and column
PLACES = {
    "an object": ("web", "", (2, 1)),
    "a field": ("web", "spec.ports", (9, 30)),
    "an item": ("web", "spec.ports[1]", (9, 50)),
    "a field of an item in flow style": ("web", "spec.ports[1].name", (9, 61)),
    "what isn't there": ("web", "spec.ports[1].targetPort", (9, 50)),
    "what isn't there, above": ("web", "spec.type", (9, 1)),
    "an item too many": ("web", "spec.ports[2]", (9, 30)),
    "a name with dots": ("web", "metadata.annotations.a.b/c", (7, 5)),
    "the shorter name": ("web", "metadata.annotations.a.b", (8, 5)),
    "a quoted name": ("web", 'metadata.annotations["a.b/c"]', (7, 5)),
    "an annotation": ("web", "annotation a.b/c", (7, 5)),
    "a label that isn't there": ("web", "label x", (4, 1)),
    "a setting in a block of text": ("istio", "data.mesh defaultConfig.tracing.sampling", (20, 17)),
    "a setting that isn't there": ("istio", "data.mesh defaultConfig.proxy", (19, 5)),
    "all of the text": ("istio", "data.mesh", (16, 3)),
    "a rule's name": ("istio", "data.mesh.x", (16, 3)),
    "a folded text": ("istio", "data.folded a", (22, 3)),
    "a quoted text": ("istio", "data.quoted a", (24, 3)),
    "an item of a List": ("ü", "", (30, 3)),
    "a field of it": ("ü", "metadata.name", (33, 5)),
    "an object's label": ("ü", "label over", (34, 14)),
    "its pods' label": ("ü", "label app", (39, 11)),
    "an item in flow style": ("flow", "", (40, 3)),
    "a field of that": ("flow", "spec.ports[0].port", (41, 20)),
    "what an alias stands for": ("alias", "spec.again.app", (48, 5)),
    "what is merged": ("alias", "spec.merged.app", (48, 5)),
    "what stands beside it": ("alias", "spec.merged.own", (51, 5)),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "all.yaml"
    path.write_text(DOCUMENTS)
    return path


def named(file: Path, name: str) -> Resource:
    return next(one for one in read_manifests(file) if one.name == name)


@pytest.mark.parametrize(("name", "field", "expected"), PLACES.values(), ids=PLACES)
def test_a_field_has_its_own_place(file: Path, name: str, field: str, expected: tuple[int, int]):
    position = named(file, name).place(field).position
    assert (position.source, position.line, position.column) == (str(file), *expected)


def test_what_helm_rendered_names_its_template(file: Path):
    templates = {one.name: one.place("spec").position.template for one in read_manifests(file)}
    assert templates == {
        "web": "shop/templates/web.yaml",
        "istio": "shop/templates/config.yaml",
        "ü": "",
        "flow": "",
        "alias": "",
    }
    assert str(named(file, "web").place("spec.ports")) == f"{file}:9:30, from shop/templates/web.yaml"


CHANGES = {
    "gone": None,
    "another object": DOCUMENTS.replace("name: web", "name: wab"),
    "another kind": DOCUMENTS.replace("kind: Service", "kind: Pod"),
    "no YAML": "{",
    "empty": "",
}


@pytest.mark.parametrize("text", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changed_meanwhile_has_the_objects_own_place(file: Path, text: str | None):
    web, flow = named(file, "web"), named(file, "flow")
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert str(web.place("spec.ports")).startswith(f"{file}:2:1")
    assert str(flow.place("spec.ports")).startswith(f"{file}:40:3") or text == CHANGES["another object"]


def test_a_file_is_read_again_if_it_changed(file: Path):
    web = named(file, "web")
    assert web.place("spec").position.line == 9
    file.write_text(DOCUMENTS.replace("spec: {selector", "\nspec: {selector", 1))
    os.utime(file, ns=(1, 1))
    assert web.place("spec").position.line == 10


def test_what_came_through_a_pipe_has_the_objects_own_place():
    reader, writer = os.pipe()  # as a shell's <(…) has it
    os.write(writer, DOCUMENTS.encode())
    os.close(writer)
    pipe = Path(f"/dev/fd/{reader}")
    web = named(pipe, "web")
    os.close(reader)
    assert str(web.place("spec.ports")) == f"{pipe}:2:1"


def test_json_and_other_line_ends(tmp_path: Path):
    file = tmp_path / "a.json"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 1}]},
    }
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [service]}, indent=1))
    assert str(named(file, "a").place("spec.ports[0].port")) == f"{file}:14:7"
    windows = tmp_path / "b.yaml"
    windows.write_bytes(b"\xef\xbb\xbf" + DOCUMENTS.replace("\n", "\r\n").encode())
    assert str(named(windows, "istio").place("data.mesh accessLogFile")).startswith(f"{windows}:21:5")


def test_objects_of_a_cluster_and_made_ones_have_their_sources_name():
    data = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}
    (service,) = from_api([data], "context it")
    assert str(service.place("spec.ports")) == "context it"
    assert str(Place(Location(), "spec")) == ""
    assert not Place(Location())
    assert Position("a", 1, 2) < Position("a", 1, 3)


def leaves(value: Any, path: str) -> list[tuple[str, str]]:
    """Each member of a mapping, as path and key."""
    if isinstance(value, dict):
        here = [(f"{path}.{key}" if path else key, key) for key in value]
        return here + [
            one for key, item in value.items() for one in leaves(item, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list):
        return [one for index, item in enumerate(value) for one in leaves(item, f"{path}[{index}]")]
    return []


SHIPPED = [
    file
    for file in sorted((ROOT / "manifests").rglob("*.yaml"))
    if not (file.parent / "kustomization.yaml").exists()
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_fields_line_holds_its_key(file: Path):
    lines = file.read_text().splitlines()
    for resource in read_manifests(file):
        for path, key in leaves(resource.data, ""):
            position = resource.place(path).position
            if path == "metadata.namespace" and "namespace" not in lines[position.line - 1]:
                continue  # the default one isn't written
            assert lines[position.line - 1][position.column - 1 :].lstrip("\"'").startswith(key), path


KEYS = st.sampled_from(["a", "b", "a.b", "c[0]", "x y", "é"])
VALUES = st.recursive(
    st.integers() | st.sampled_from(["text", "two\nlines\n", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_any_objects_fields_are_found_by_their_keys(
    tmp_path_factory, spec: Any, indent: int | None, several: bool
):
    file = tmp_path_factory.mktemp("any") / "a.json"
    own = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}
    other = {**own, "metadata": {"name": "b"}}
    text = "\n---\n".join(
        json.dumps(one, indent=indent, ensure_ascii=False) for one in ((other, own) if several else (own,))
    )
    file.write_text(text)
    lines = text.split("\n")
    for path, key in leaves(own, ""):
        position = named(file, "a").place(path).position
        found = lines[position.line - 1][position.column - 1 :]
        assert found.startswith(json.dumps(key, ensure_ascii=False)) or any(
            mark in path for mark in ("a.b", "[0]", " ")
        )


KUSTOMIZATIONS = {
    "app/base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator:\n- {name: other}\n- {name: cm, literals: [a=b]}\n",
    "app/base/web.yaml": DOCUMENTS.partition("---")[0] + "---\n" + DOCUMENTS.partition("---")[0].replace("name: web", "name: web2"),
    "app/overlay/kustomization.yaml": (
        "namePrefix: x-\nnamespace: shop\nresources: [../base, vs.yaml]\npatches:\n- target: {kind: Service}\n"
        "  patch: |-\n    - {op: add, path: /spec/type, value: NodePort}\n"
    ),
    "app/overlay/vs.yaml": "{apiVersion: networking.istio.io/v1, kind: VirtualService,\n metadata: {name: v}, spec: {hosts: [web]}}",
}  # fmt: skip

# object, field; file, line and column
MADE = {
    "of a base": ("x-web", "spec.ports[1].name", "app/base/web.yaml:9:61, from shop/templates/web.yaml"),
    "of a base's second document": (
        "x-web2",
        "spec.ports",
        "app/base/web.yaml:19:30, from shop/templates/web.yaml",
    ),
    "beside the kustomization": ("x-v", "spec.hosts", "app/overlay/vs.yaml:2:30"),
    "patched in": ("x-web", "spec.type", "app/base/web.yaml:9:1, from shop/templates/web.yaml"),
    "generated": ("x-cm-", "data.a", "app/base/kustomization.yaml:4:3"),
}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
@pytest.mark.parametrize("absolute", [False, True])
def test_what_kustomize_made_has_the_place_of_its_file(
    tmp_path, monkeypatch: pytest.MonkeyPatch, absolute: bool
):
    monkeypatch.chdir(tmp_path)
    for name, text in KUSTOMIZATIONS.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    folder = tmp_path / "app/overlay" if absolute else Path("app/overlay")
    objects = read_manifests(folder)
    assert not any("config.kubernetes.io/origin" in str(one.data) for one in objects)
    for name, field, place in MADE.values():
        (made,) = (
            one for one in objects if one.name == name or (name.endswith("-") and one.name.startswith(name))
        )
        assert str(made.place(field)) == (f"{tmp_path}/{place}" if absolute else place)


def test_what_kustomize_tells_nothing_of_has_the_folder():
    (service,) = built(Build("app", "{apiVersion: v1, kind: Service, metadata: {name: a}}"), Reading())
    assert str(service.place("spec")) == "app"

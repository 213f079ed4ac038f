"""Each broken file gives one clear error that names the place; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import InputError
from harness.scenario import load_scenario

APP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example/web:1}]}
"""

GOOD = """\
name: n
apps: [shop]
configs: {canary: manifests/shop/canary.yaml}
stages:
- name: istio
  mesh: {shop: istio}
  apply: [canary]
  expect:
  - allow: {from: shop/web, to: http://web/}
"""


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# name: (content, line:column, words of the error)
CASES: dict[str, tuple[str | bytes, str, str]] = {
    "empty file": ("", "", "the file is empty"),
    "comments only": ("# nothing\n", "", "the file is empty"),
    "binary": (b"\x00\x01\x02\xff", "", "not UTF-8 text (byte 0xff at offset 3)"),
    "NUL byte": ("name: a\0b", "", "not text: a NUL byte"),
    "latin-1": ("name: caf\xe9".encode("latin-1"), "", "not UTF-8 text"),
    "10 MB": ("#" * (10 * 1024 * 1024), "", "10,485,760 bytes"),
    "control character": ("name: a\x01", "", "not YAML"),
    "tab in the indentation": (changed("  mesh:", "\tmesh:"), "6:1", "a tab in the indentation"),
    "unclosed bracket": (changed("[shop]", "[shop"), "3:8", "not YAML"),
    "duplicate key": (GOOD + "name: again\n", "10:1", "duplicate key 'name': it stands in line 1"),
    "duplicate key inside": (
        changed("{shop: istio}", "{shop: istio, shop: linkerd}"), "6:23", "duplicate key 'shop'",
    ),
    "undefined alias": (changed("[canary]", "*nobody"), "7:10", "undefined alias"),
    "recursive anchor": (changed("[canary]", "&x [*x]"), "7:10", "an alias of itself"),
    "alias bomb": (BOMB, "", "aliases expand to too much data"),
    "two documents": (GOOD + "---\nname: m\n", "11:1", "more than one YAML document"),
    "a list": ("- name: n\n", "1:1", "a scenario is a mapping"),
    "plain text": ("hello\n", "1:1", "a scenario is a mapping"),
    "unrendered template": (changed("name: n", "name: {{ .Values.name }}"), "1:", "template"),
    "a tag": (changed("name: n", "name: !!python/object:os.system x"), "1:7", "plain data only"),
    "unknown top-level key": (changed("apps:", "app:"), "2:1", "did you mean apps?"),
    "unknown stage key": (changed("  apply:", "  aply:"), "7:3", "did you mean apply?"),
    "missing name": (changed("name: n\n", ""), "1:1", "'name' is missing"),
    "no stages": (changed(GOOD[GOOD.index("stages:") :], ""), "1:1", "'stages' is missing"),
    "empty stages": (changed(GOOD[GOOD.index("stages:") :], "stages: []\n"), "4:1", "at least 1 item"),
    "apps is text": (changed("[shop]", "shop"), "2:1", "'apps': must be a list, not 'shop'"),
    "name is a number": (changed("name: n", "name: 5"), "1:1", "'name': must be text, not 5"),
    "stages is a mapping": (changed("- name: istio", "  name: istio"), "4:1", "must be a list"),
    "unknown app": (changed("[shop]", "[shp]"), "2:8", "unknown app 'shp'; did you mean shop?"),
    "unknown config": (changed("[canary]", "[canry]"), "7:11", "did you mean canary?"),
    "config without file": (changed("canary.yaml", "canry.yaml"), "3:11", "did you mean manifests/shop/canary.yaml?"),
    "unknown mesh": (changed("shop: istio", "shop: istoi"), "6:10", "did you mean istio?"),
    "instead of nothing": (GOOD + "    instead: x\n", "10:5", "'instead' must be a mapping of stages"),
    "instead in no stage": (
        GOOD + "    instead: {itsio: {because: of it, deny: {from: shop/web, to: http://web/}}}\n", "10:15",
        "unknown stage 'itsio'; did you mean istio?",
    ),
    "instead without a reason": (
        GOOD + "    instead: {istio: {deny: {from: shop/web, to: http://web/}}}\n", "10:15", "'because' must be text",
    ),
    "instead of another kind": (
        GOOD + "    instead: {istio: {because: of it, dney: {from: shop/web}}}\n", "10:39", "did you mean deny?",
    ),
    "instead by a broken expectation": (
        GOOD + "    instead: {istio: {because: of it, deny: {from: shop/web}}}\n", "10:39", "'to' is missing",
    ),
    "unknown namespace": (changed("{shop: istio}", "{shpo: istio}"), "6:10", "did you mean shop?"),
    "unknown expectation": (changed("- allow:", "- alow:"), "9:5", "did you mean allow?"),
    "unknown expectation key": (changed("{from:", "{form:"), "9:13", "did you mean from?"),
    "unknown workload": (changed("shop/web", "shop/wbe"), "9:13", "did you mean shop/web?"),
    "not a workload": (changed("shop/web", "web"), "9:13", "write namespace/name"),
    "not a URL": (changed("http://web/", "web"), "9:29", "http://host[:port]/path"),
    "two expectations in one": (
        changed("to: http://web/}", "to: http://web/}\n    deny: {}"), "9:5", "one expectation an entry",
    ),
    "no expectation": (changed("allow: {from: shop/web, to: http://web/}", "name: x"), "9:5", "one expectation"),
    "expectation is text": (changed("{from: shop/web, to: http://web/}", "yes please"), "9:5", "a mapping"),
    "weights that are zero": (
        changed("allow: {from: shop/web, to: http://web/}",
                "split: {from: shop/web, to: http://web/, weights: {web: 0}}"), "9:46", "not all zero",
    ),
    "unknown weight": (
        changed("allow: {from: shop/web, to: http://web/}",
                "split: {from: shop/web, to: http://web/, weights: {wbe: 1}}"), "9:56", "did you mean web?",
    ),
    "a wrong duration": (
        changed("allow: {from: shop/web, to: http://web/}",
                "latency: {from: shop/web, to: http://web/, at_most: 5}"), "9:48", "write 500ms, 5s or 1m",
    ),
    "a wrong regular expression": (
        changed("allow: {from: shop/web, to: http://web/}",
                "response: {from: shop/web, to: http://web/, body: {matches: '('}}"), "9:56", "regular expression",
    ),
    "nested too deep": ("[" * 100_000, "1:101", "nested more than 100 levels"),
    "two ways to tell shares": (
        changed("allow: {from: shop/web, to: http://web/}",
                "split: {from: shop/web, to: http://web/, weights: {web: 1}, by: {header: a, json: b}}"), "9:65", "one of",
    ),
    "an unknown way to tell shares": (
        changed("allow: {from: shop/web, to: http://web/}",
                "split: {from: shop/web, to: http://web/, weights: {web: 1}, by: {jsn: b}}"), "9:70", "did you mean json?",
    ),
    "weights that aren't numbers": (
        changed("allow: {from: shop/web, to: http://web/}",
                "split: {from: shop/web, to: http://web/, weights: {web: .nan}}"), "9:46", "finite",
    ),
    "a method in small letters": (changed("to: http://web/}", "to: http://web/, method: get}"), "9:46", "in capitals"),
    "a port out of range": (changed("to: http://web/}", "to: 'http://web:99999/'}"), "9:29", "http://host[:port]/path"),
    "unknown object": (
        changed("allow: {from: shop/web, to: http://web/}", "refused_by_api: {config: canary, object: Deployment shop/wbe}"),
        "9:38", "did you mean Deployment shop/web?",
    ),
    "the same stage twice": (GOOD + "- name: istio\n", "10:3", "two stages are called 'istio'"),
    "the same expectation twice": (
        GOOD + "  - allow: {from: shop/web, to: http://web/}\n", "10:5", "name one",
    ),
    "a name with colons": (changed("name: istio", "name: a::b"), "5:3", "without '::'"),
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "manifests/shop").mkdir(parents=True)
    (tmp_path / "manifests/shop/web.yaml").write_text(APP)
    (tmp_path / "manifests/shop/canary.yaml").write_text(APP)
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> Path:
        path = Path("x.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_the_unbroken_file_loads(write):
    scenario = load_scenario(write(GOOD))
    assert [check.name for check in scenario.stages[0].checks] == ["allow GET from shop/web to http://web/"]


@pytest.mark.parametrize("case", CASES)
def test_broken_file(write, case: str):
    content, place, words = CASES[case]
    with pytest.raises(InputError) as caught:
        load_scenario(write(content))
    error = caught.value
    assert words in str(error)
    assert error.where.startswith(f"x.yaml:{place}" if place else "x.yaml")
    assert str(error).count("x.yaml:") <= 1, "one problem, one error"


def test_several_problems_are_told_together(write):
    content = changed("[canary]", "[canry]").replace("shop/web", "shop/wbe")
    with pytest.raises(InputError) as caught:
        load_scenario(write(content))
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["x.yaml:7:11:", "x.yaml:9:13:"]


def test_a_broken_manifest_is_told_with_its_own_place(write):
    path = write(GOOD)
    Path("manifests/shop/web.yaml").write_text("kind: Deployment\n")
    with pytest.raises(
        InputError, match=r"manifests/shop/web.yaml:1:1: not read: not a Kubernetes object: api"
    ):
        load_scenario(path)


def test_anchors_may_be_used(write):
    content = GOOD.replace("- allow: {", "- allow: &call {") + "  - name: again\n    allow: *call\n"
    assert len(load_scenario(write(content)).stages[0].checks) == 2

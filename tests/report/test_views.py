"""Pages of compare, translate, discover and lint: what they say first, and that texts of an estate do nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from tests.report.test_page import Elements

HOSTILE = "\"'><script>alert(1)<img src=x onerror=alert(1)> javascript:alert(1) &amp;"
ESTATE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: NAME
    match: [{headers: {x-a: {exact: NAME}}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: web}}]
  - match: [{headers: {x-b: {exact: NAME}}}]
    route: [{destination: {host: gone}}]
  - route: [{destination: {host: web}}]
"""
VIEWS = ("compare", "translate", "discover", "lint")


def write(folder: Path, name: str) -> tuple[str, str]:
    """The estate with a name in it, and in its file's, and one without the fault."""
    before, after = folder / f"{name.replace('/', '')}.yaml", folder / "after.yaml"
    text = ESTATE.replace("NAME", json.dumps(name))
    before.write_text(text)
    after.write_text(text.replace("418", "419"))
    return str(before), str(after)


def page(command: str, before: str, after: str, *more: str) -> str:
    file = Path(before).parent / "page.html"
    paths = (before, after) if command == "compare" else (before,)
    done = CliRunner().invoke(app, [command, *paths, *more, "--html", str(file)])
    assert done.exit_code in (0, 1), done.stderr
    return file.read_text()


def headline(made: str) -> str:
    (words,) = re.findall("<h1>(.*)</h1>", made)
    return html.unescape(words)


@pytest.mark.parametrize("command", VIEWS)
def test_texts_of_an_estate_make_no_element_and_no_attribute(tmp_path, command):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    made = page(command, *write(tmp_path / "a", HOSTILE))
    hostile, harmless = Elements(), Elements()
    hostile.feed(made)
    harmless.feed(page(command, *write(tmp_path / "b", "harmless")))
    assert html.escape(HOSTILE[:20]) in made.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
    assert hostile.elements == harmless.elements
    assert hostile.attributes == harmless.attributes
    assert not {"script", "img", "iframe", "link"} & hostile.elements
    assert not any(name.startswith("on") or name == "style" for name in hostile.attributes)


@pytest.mark.parametrize("command", VIEWS)
def test_nothing_is_loaded_and_its_own_style_alone_is_let_in(tmp_path, command):
    made = page(command, *write(tmp_path, "harmless"))
    [style] = re.findall("<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html.unescape(made)
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", made)


def test_a_comparison_says_first_whether_all_is_the_same(tmp_path):
    before, after = write(tmp_path, "harmless")
    assert headline(page("compare", before, before)) == "Every request is answered alike"
    made = page("compare", before, after)
    assert headline(made) == "Some requests are answered otherwise"
    assert "419" in made
    assert f"{before}:" in made
    assert headline(page("compare", before, after, "--allow", "*")) == "No difference but those accepted"


def test_a_translation_says_first_whether_it_is_proven(tmp_path):
    before, _ = write(tmp_path, "harmless")
    assert (
        headline(page("translate", before, "", "--no-prove"))
        == "The translation isn't proven: nothing was compared"
    )
    (alone := tmp_path / "alone.yaml").write_text(ESTATE.split("---")[-1])
    assert headline(page("translate", str(alone), "")) == "Not all of the translation is proven"
    faces = tmp_path / "faces.html"
    root = Path(__file__).parents[2] / "manifests"
    done = CliRunner().invoke(
        app, ["translate", str(root / "faces"), str(root / "configs/faces/istio"), "--html", str(faces)]
    )
    assert done.exit_code == 0
    assert headline(faces.read_text()) == "The translation is proven"
    assert "smiley-delay.yaml:7:5" in faces.read_text()


def test_lint_says_first_how_many_traps_there_are(tmp_path):
    before, _ = write(tmp_path, "harmless")
    known = str(tmp_path / "known.yaml")
    made = page("lint", before, "")
    assert re.fullmatch(r"\d+ known traps?", headline(made))
    assert f'<h2 id="f1">{before}</h2>' in made
    assert CliRunner().invoke(app, ["lint", before, "--baseline", known, "--write-baseline"]).exit_code == 0
    assert headline(page("lint", before, "", "--baseline", known)) == "No trap but those of the baseline"


def moving(folder: Path, namespaces: int, calls: int) -> str:
    """An estate of so many namespaces, each of which calls so many that come after it."""
    parts = []
    for n in range(namespaces):
        ns, called = f"n{n}", [f"n{(n + k + 1) % namespaces}" for k in range(calls)]
        env = [{"name": f"U{k}", "value": f"http://web.{name}:80/"} for k, name in enumerate(called)]
        text = ESTATE[: ESTATE.rindex("---")].replace("shop", ns)
        parts.append(text.replace("image: i,", f"image: i, env: {json.dumps(env)},"))
    (file := folder / "moving.yaml").write_text("---".join(parts))
    return str(file)


def test_each_stage_has_a_map_in_which_what_is_plaintext_is_drawn_so(tmp_path):
    file = moving(tmp_path, 3, 1)
    migration = json.loads(CliRunner().invoke(app, ["discover", file, "--json"]).stdout)["migration"]
    made = page("discover", file, "")
    assert headline(made) == "A migration in 3 stages"
    maps = [html.unescape(each) for each in made.split("<svg viewBox")[1:]]
    plain = [re.findall(r"<title>(\S+) → (\S+): plaintext", each.split("</svg>")[0]) for each in maps]
    told = [stage["boundaries"] for stage in migration["stages"]]
    assert [sorted(each) for each in plain] == [
        [],
        *(sorted((call["caller"], call["server"]) for call in calls) for calls in told),
    ]
    assert any(told)
    held = [re.findall(r'class="node (\w+) ', each) for each in maps]
    assert [each.count("linkerd") for each in held] == [0, 1, 2, 3]
    assert held[0] == ["istio"] * 3


def test_many_calls_leave_late_stages_to_words(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.report.html.views.discovery._LINES", 20)
    made = page("discover", moving(tmp_path, 6, 1), "")
    assert made.count("<svg viewBox") == 3
    assert "6 calls are too many for a map of every stage: the stages from 3 on stand here in words." in made
    assert made.count("<li>namespace n") == 4


def test_an_estate_without_a_mesh_has_no_order(tmp_path):
    (file := tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"
    )
    assert headline(page("discover", str(file), "")) == "No namespace is in Istio's mesh"

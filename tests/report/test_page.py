"""The page: what it says of a run, what it lets names do (nothing), and how large it gets."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from harness.report.document.models import (
    Call,
    Document,
    Edge,
    End,
    Expectation,
    Held,
    Judgement,
    Problem,
    Run,
    Scenario,
    Stage,
    Trace,
    TraceStep,
    Truth,
    Verdict,
)
from harness.report.html import page
from harness.report.html.layout import layout
from harness.report.html.mesh_map import maps

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) {{ 7*7 }} &amp;"
RUN = Run(provider="model", basis="predicted", began="2026-01-01T00:00:00Z")


def estate(workloads: int, name: str = "w", result: Judgement = Judgement.PASS) -> Document:
    """A move of so many workloads in namespaces of ten, each of which calls the next two."""
    ends = [End(kind="workload", namespace=f"{name}-{n // 10}", name=f"{name}{n}") for n in range(workloads)]
    rows = []
    for n, source in enumerate(ends):
        verdicts = []
        for stage, mesh in enumerate(("istio", "linkerd")):
            targets = [ends[(n + k) % workloads] for k in (1, 2)]
            edges = tuple(
                Edge(source=source, target=to, truth=Truth.MUTUAL, mesh=mesh, share=0.5, answer=name)
                for to in targets
            )
            call = Call(source=source, method="GET", url=f"http://{name}/", basis="predicted", edges=edges)
            verdicts.append(
                Verdict(
                    stage=stage,
                    result=result,
                    where=f"{name}.yaml:1:1",
                    source=name,
                    seen=name,
                    basis="predicted",
                    evidence=(name,),
                    traces=(Trace(label=name, steps=(0,)),),
                    call=call,
                )
            )
        rows.append(Expectation(name=f"{name} {n}", kind="split", verdicts=tuple(verdicts)))
    stages = tuple(
        Stage(
            name=f"{name} {mesh}",
            reached=True,
            changes=(name,),
            workloads=tuple(Held(namespace=e.namespace, name=e.name, meshes=(mesh,), pods=1) for e in ends),
        )
        for mesh in ("istio", "linkerd")
    )
    step = TraceStep(action="matched", text=name, subject=name, field=name, where=name)
    scenario = Scenario(
        file=f"{name}.yaml",
        name=name,
        about=name,
        stages=stages,
        expectations=tuple(rows),
        notes=(name,),
        steps=(step,),
    )
    return Document(made_by="test", runs=(RUN,), scenarios=(scenario,))


class Elements(HTMLParser):
    """Collects the names of elements and of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_hostile_names_make_no_element_and_no_attribute():
    hostile, harmless = Elements(), Elements()
    made = page(estate(12, HOSTILE).model_copy(update={"problems": (Problem(where=HOSTILE, what=HOSTILE),)}))
    hostile.feed(made)
    harmless.feed(page(estate(12).model_copy(update={"problems": (Problem(where="w", what="w"),)})))
    assert hostile.elements == harmless.elements
    assert hostile.attributes == harmless.attributes
    assert not {"script", "img", "iframe", "link"} & hostile.elements
    assert not any(name.startswith("on") or name == "style" for name in hostile.attributes)
    assert "49" not in re.findall(r"\{\{.*?\}\}", made)


def test_nothing_is_loaded():
    made = page(estate(12))
    assert "default-src 'none'" in made
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", made)


@pytest.mark.parametrize(
    ("results", "left", "words"),
    [
        ([Judgement.PASS], (), "All 1 expectations hold"),
        ([Judgement.PASS, Judgement.FAIL], (), "1 of 2 expectations don't hold"),
        ([Judgement.PASS, Judgement.NOT_RUN], (), "1 of 2 expectations hold, the others aren't proven"),
        ([Judgement.PASS, Judgement.SKIP], (), "1 of 2 expectations hold, the others aren't proven"),
        ([Judgement.INCONCLUSIVE], (), "0 of 1 expectations hold, the others aren't proven"),
        ([Judgement.PASS], ("a::b::c",), "1 of 2 expectations hold, the others aren't proven"),
        ([], (), "Nothing was judged"),
    ],
)
def test_headline_is_green_only_if_all_is_proven(results: list[Judgement], left: tuple[str, ...], words: str):
    verdicts = tuple(Verdict(stage=0, result=each, where="", source="") for each in results)
    row = Expectation(name="e", kind="allow", verdicts=verdicts)
    scenario = Scenario(file="f", name="s", stages=(Stage(name="a"),), expectations=(row,))
    made = page(Document(made_by="test", runs=(RUN,), scenarios=(scenario,), not_run=left))
    assert re.findall("<h1>(.*)</h1>", made.replace("&#39;", "'")) == [words]


def test_two_hundred_workloads_stay_small():
    assert len(page(estate(200)).encode()) < 3_000_000


@pytest.mark.parametrize("workloads", [3, 12, 40, 200])
def test_layout_is_the_same_each_time_and_nothing_overlaps(workloads: int):
    made = maps(estate(workloads).scenarios[0])
    places = layout(made)
    assert places == layout(made)
    boxes = list(places.nodes.values())
    assert len(boxes) == workloads
    assert not any(a.meets(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x >= 0 and box.right <= places.width and box.bottom <= places.height for box in boxes)


def test_page_is_written_by_the_plugin(shop: pytest.Pytester):
    shop.runpytest("scenarios", "--harness-report", "report.html")
    made = (shop.path / "report.html").read_text()
    assert "1 of 4 expectations don&#39;t hold" in made
    assert "shop/web2" in made


def test_policy_allows_the_style_that_stands_there():
    made = page(estate(3))
    [style] = re.findall("<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in made.replace("&#39;", "'")

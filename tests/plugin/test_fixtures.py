"""Scenarios in Python: the fixtures, and what is told where they are used wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.test_plugin import APP, CANARY, INI

ROOT = Path(__file__).parents[2]

BEGIN = """
SPLIT = {"from": "shop/client", "to": "http://web/", "weights": {"web": 40, "web2": 60}}
CANARY = {"canary": "configs/shop/canary.yaml"}
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    folder = pytester.mkdir("manifests") / "shop"
    folder.mkdir(parents=True)
    (folder / "apps.yaml").write_text(
        "".join(APP.replace("NAME", name) for name in ("web", "web2", "client"))
    )
    configs = folder.parents[1] / "configs/shop"
    configs.mkdir(parents=True)
    (configs / "canary.yaml").write_text(CANARY)
    return pytester


def run(shop: pytest.Pytester, body: str, *arguments: str) -> pytest.RunResult:
    shop.makepyfile(BEGIN + body)
    return shop.runpytest(*arguments)


def test_the_example_of_the_docs_holds(pytester: pytest.Pytester):
    pytester.makeini(INI)
    for folder in ("manifests", "configs"):
        (pytester.path / folder).symlink_to(ROOT / folder)
    (pytester.path / "test_faces.py").write_text((ROOT / "docs/examples/test_faces.py").read_text())
    result = pytester.runpytest()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*test_faces.py::test_color_stays_split*", "*linkerd*", "*split*pass*exact*"]
    )


def test_stages_build_on_each_other(shop: pytest.Pytester):
    result = run(
        shop,
        """
def test_it(cluster, stage, expect, probe):
    workloads = cluster.app("shop")
    assert str(workloads["web"]) == "shop/web"
    assert expect(allow={"from": "shop/client", "to": "http://web/"}).result == "pass"
    stage("istio", mesh={"shop": "istio"}, configs=CANARY, apply=["canary"])
    expect(split=SPLIT)
    assert len(probe("shop/client", "http://web/").groups) == 2
    stage("gone", remove=["canary"])
    expect(split={**SPLIT, "weights": {"web": 1}}, name="all to web")
""",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*stage 1*", "*allow GET*pass*", "*gone*", "*all to web*pass*exact*"])


def test_each_test_begins_anew(shop: pytest.Pytester):
    result = run(
        shop,
        """
import pytest
@pytest.mark.parametrize("time", [1, 2])
def test_it(cluster, expect, time):
    cluster.app("shop")
    assert not cluster.provider.state.objects
    expect(allow={"from": "shop/client", "to": "http://web/"})
""",
    )
    result.assert_outcomes(passed=2)


# name: (the test's body, what its failure says)
WRONG = {
    "an expectation that fails": (
        'stage(mesh={"shop": "istio"})\n    expect(split=SPLIT)',
        ["split GET from shop/client to http://web/ (stage 'stage 1'): FAIL", "expected: shop/web 40 %, shop/web2 60 %"],
    ),
    "an unknown key": ('stage("x", aply=["y"])', ["unknown key 'aply'; did you mean apply?"]),
    "an unknown config": ('stage("x", configs=CANARY, apply=["canry"])', ["unknown config 'canry'; did you mean canary?"]),
    "an unknown namespace": ('stage(mesh={"shp": "istio"})', ["unknown namespace 'shp'; did you mean shop?"]),
    "an unknown expectation": ("expect(alow={})", ["unknown expectation 'alow'; did you mean allow?"]),
    "a missing file": ('stage(configs={"a": "configs/shop/canry.yaml"})', ["did you mean configs/shop/canary.yaml?"]),
    "an app too late": ('stage()\n    cluster.app("shop")', ["app 'shop' comes too late"]),
    "an unknown app": ('cluster.app("shp")', ["unknown app 'shp'; did you mean shop?"]),
    "an object that the API refuses": (
        'stage(mesh={"shop": "istio"}, configs={"a": [{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",'
        ' "metadata": {"name": "a", "namespace": "shop"}, "spec": {"hosts": ["web"], "http": [{}]}}]}, apply=["a"])',
        ["stage 'stage 1' wasn't reached, at `apply a`", 'admission webhook "validation.istio.io"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "words"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told(shop: pytest.Pytester, body: str, words: list[str]):
    result = run(shop, f"def test_it(cluster, stage, expect):\n    cluster.app('shop')\n    {body}\n")
    result.assert_outcomes(failed=1)
    for one in words:
        assert one in result.stdout.str()


def test_a_mesh_that_can_t_be_had_skips_the_test(shop: pytest.Pytester):
    result = run(
        shop,
        """
import pytest
from harness.ground.model import ModelProvider
@pytest.fixture(autouse=True)
def lacking(monkeypatch):
    monkeypatch.setattr(ModelProvider, "lacking", lambda *_: "no linkerd here")
def test_by_fixture(cluster, linkerd): ...
def test_by_stage(cluster, stage):
    cluster.app("shop")
    stage(mesh={"shop": "linkerd"})
""",
        "-rs",
    )
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*linkerd: no linkerd here*", "*needs linkerd: no linkerd here*"])

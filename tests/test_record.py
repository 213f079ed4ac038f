"""What one cluster answered is written down, and read as a test of the model."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from harness.base.resources import Resource
from harness.base.settings import Confidence
from harness.base.vocabulary import Workload
from harness.run.record import Case, Recorder, case_id, observed, sample_of
from harness.run.runner import Runner, RunSettings
from harness.scenario import load_scenario
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes, ServerSaw
from harness.traffic.request import HOST, Request
from tests.drawn import Drawn
from tests.model.observed import BOTH_MESHES, check, load

WEB, CLIENT = Workload("shop", "web"), Workload("shop", "client")
GET = Request(CLIENT, "http://web/")
SEEN = ServerSaw(
    "/a",
    "web.shop",
    (
        ("User-Agent", "curl/8"),
        ("Host", "web.shop"),
        ("X-Request-Id", "1"),
        ("X-Envoy-Attempt-Count", "1"),
        ("X-Forwarded-Client-Cert", "By=spiffe://a;Hash=0123abcd;URI=spiffe://b"),
        ("X-Two", "1"),
        ("X-Two", "2"),
    ),
)


@pytest.mark.parametrize(
    ("name", "outcome", "told"),
    [
        ("a named answer", Outcome(200, backend=WEB, body="hello"), {"status": 200, "backend": "shop/web"}),
        ("a proxy's answer", Outcome(403, body="RBAC: access denied"), {"status": 403, "body": "RBAC: access denied"}),
        ("a long page", Outcome(200, body="x" * 500), {"status": 200}),
        ("gRPC", Outcome(200, grpc_status=7), {"status": 200, "grpc_status": 7}),
        ("bytes", Outcome(connected=True), {"connected": True}),
        (
            "a failure in curl's words",
            Outcome(failure=Failure.RESET, detail="Recv failure: Connection reset by peer (curl 56)"),
            {"error": "curl 56 Recv failure: Connection reset by peer"},
        ),
        (
            "a failure that names an address",
            Outcome(failure=Failure.REFUSED, detail="Failed to connect to 10.96.0.7 port 80 (curl 7)"),
            {"error": "curl 7 Failed to connect to <ip> port 80"},
        ),
        (
            "an echo",
            Outcome(200, body="{…}", server_saw=SEEN),
            {
                "status": 200,
                "server_saw": {
                    "path": "/a",
                    "host": "web.shop",
                    "headers": {
                        "x-forwarded-client-cert": "By=spiffe://a;Hash=<hash>;URI=spiffe://b",
                        "x-two": "1, 2",
                    },
                },
            },
        ),
        (
            "headers",
            Outcome(200, backend=WEB, headers=(("Date", "today"), ("Server", "envoy"), ("Content-Length", "1"))),
            {"status": 200, "backend": "shop/web", "response_headers": {"server": "envoy"}},
        ),
    ],
)  # fmt: skip
def test_an_outcome_as_it_is_written(name, outcome, told):
    assert observed(outcome) == told


def test_equal_outcomes_are_one_group():
    fast, slow = Outcome(200, backend=WEB, seconds=0.1), Outcome(200, backend=WEB, seconds=0.3)
    late = Outcome(504, seconds=2.004)
    groups = tuple(Group(one, Fraction(1)) for one in (late, fast, slow, fast))
    assert sample_of(GET, Outcomes(groups, 4)) == {
        "from": "shop/client",
        "url": "http://web/",
        "observed": [
            {"status": 200, "backend": "shop/web", "count": 3},
            {"status": 504, "count": 1, "seconds": 2.0},
        ],
    }


def test_how_a_request_is_written():
    gateway = Workload("istio-system", "istio-ingressgateway")
    sent = Request(HOST, "http://shop.example/", "POST", (("a", "b"),), new_connection=True, through=gateway)
    told = sample_of(sent, Outcomes((), 0))
    assert told["from"] == "the host"
    assert told["through"] == "istio-system/istio-ingressgateway"
    assert (told["method"], told["headers"], told["new_connections"]) == ("POST", {"a": "b"}, True)


def test_objects_are_written_as_they_were_made_and_only_once(tmp_path):
    def thing(kind, name, created, **body):
        data = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **body}
        return Resource("v1", kind, "shop", name, data, created=created)

    service = thing("Service", "web", "2026-01-01T00:00:02", spec={"clusterIP": "10.0.0.1", "ports": []})
    early = thing("ConfigMap", "z", "2026-01-01T00:00:01", data={"a": "b"})
    tied = thing("ConfigMap", "b", "2026-01-01T00:00:02", status={})
    space = thing("Namespace", "shop", "2026-01-01T00:00:09", spec={"finalizers": ["kubernetes"]})
    recorder = Recorder(tmp_path / "to" / "file.yaml")
    for name in ("one", "two", "empty"):
        recorder.begin(Case(name, "", (service, tied, early, space)), {"kubernetes": "1.34.4"})
    recorder.note("one", GET, Outcomes((), 0))
    recorder.note("two", GET, Outcomes((), 0))
    recorder.write()
    text = (tmp_path / "to" / "file.yaml").read_text()
    one, two = yaml.safe_load(text)["cases"]
    assert [f"{data['kind']} {data['metadata']['name']}" for data in one["objects"]] == [
        "Namespace shop",
        "ConfigMap z",
        "ConfigMap b",
        "Service web",
    ]
    assert one["objects"] == two["objects"]
    assert text.count("kind: Namespace") == 1
    assert "10.0.0.1" not in text
    assert "status" not in one["objects"][2]


def test_the_name_of_a_case():
    assert case_id(Path("scenarios/faces/color-split.yaml"), "Both: Istio!") == "faces-color-split-both-istio"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "recording").glob("*.yaml")), ids=lambda path: path.stem
)
def test_what_is_recorded_again_can_be_read(path):
    scenario = load_scenario(path)
    assert all(stage.checks for stage in scenario.stages)


# --- from a run to a test of the model

SCENARIOS = Path(__file__).parents[1] / "scenarios"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The cases that two scenarios leave."""
    path = tmp_path_factory.mktemp("observations") / "seen.yaml"
    recorder = Recorder(path)
    for name in ("faces/color-split.yaml", "faces/restrict-faces.yaml"):
        scenario = load_scenario(SCENARIOS / name)
        runner = Runner(scenario, Drawn(), settings=RunSettings(Confidence(settle=0)), recorder=recorder)
        for stage in scenario.stages:
            for one in stage.checks:
                runner.judge(stage, one)
    recorder.write()
    return {case["id"]: case for case in load(path)["cases"]}


def test_a_recorded_file_is_read_as_observations(recorded):
    assert len(recorded) == 9
    for case in recorded.values():
        check(case, BOTH_MESHES)


def test_a_surprise_in_a_recorded_file_is_found(recorded):
    case = recorded["faces-color-split-istio"]
    first = case["requests"][0]
    surprise = {**first, "observed": [{**first["observed"][0], "status": 418}]}
    with pytest.raises(AssertionError, match="not predicted"):
        check({**case, "requests": [surprise]}, BOTH_MESHES)

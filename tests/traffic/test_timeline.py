"""What happened while a stage changed: which step, which pods, how many requests."""

from __future__ import annotations

import pytest

from harness.base.vocabulary import Workload
from harness.traffic.load import AFTER, BEFORE, Load, Shot
from harness.traffic.outcomes import Outcome
from harness.traffic.request import Request
from harness.traffic.timeline import Gap, Phase, PodChange, Timeline, TransitionStep, failure_lines

LOAD = Load(Request(Workload("shop", "web"), "http://cart/"), 2, 10)
STEPS = (
    TransitionStep(BEFORE, 0, 2),
    TransitionStep("apply a", 2, 5),
    TransitionStep("restart shop", 5, 20),
    TransitionStep(AFTER, 20, 22),
)
OLD, NEW = "shop/cart-old", "shop/cart-new"
CHANGES = (
    PodChange(6, NEW, Phase.STARTING),
    PodChange(8, NEW, Phase.READY),
    PodChange(8, OLD, Phase.STOPPING),
    PodChange(12, OLD, Phase.GONE),
    PodChange(14, "shop/late", Phase.STARTING),
)
GOOD, BAD = Outcome(200), Outcome(503)


def timeline(*shots: Shot) -> Timeline:
    return Timeline(LOAD, "2026-01-01T00:00:00Z", STEPS, CHANGES, shots)


def wrong(outcome: Outcome) -> str:
    return "" if outcome.status == 200 else str(outcome)


@pytest.mark.parametrize(
    ("at", "step"),
    [(0, BEFORE), (2, "apply a"), (4.9, "apply a"), (19, "restart shop"), (21, AFTER), (99, AFTER)],
)
def test_the_step_under_way(at, step):
    assert timeline().step_at(at) == step


@pytest.mark.parametrize(
    ("name", "start", "end", "pods"),
    [
        ("long before", 1, 1.1, []),
        ("just before a start", 5.2, 5.3, [f"{NEW} starting"]),
        ("while one starts", 6.5, 6.6, [f"{NEW} starting"]),
        ("one is ready, the other stops", 8.5, 8.6, [f"{NEW} starting", f"{OLD} stopping"]),
        ("only the end is left", 10, 11, [f"{OLD} stopping"]),
        ("just after the end", 12.9, 12.9, [f"{OLD} stopping", "shop/late starting"][:1]),
        ("between", 13, 13, [f"{OLD} stopping", "shop/late starting"]),
        ("never ready", 99, 99, ["shop/late starting"]),
        ("a request that takes long", 4, 10, [f"{NEW} starting", f"{OLD} stopping"]),
    ],
)
def test_pods_that_start_or_stop_meanwhile(name, start, end, pods):
    assert list(timeline().astir(start, end)) == pods


def test_failures_are_told_by_step_and_pods():
    shots = [Shot(at, at, BAD if at in (2.5, 3.0, 9.0, 9.5) else GOOD) for at in (1, 2.5, 3.0, 9.0, 9.5, 21)]
    failed = timeline(*shots).failed(wrong)
    assert list(failure_lines(failed, 5)) == [
        "2.50 s to 3.00 s, during `apply a`: 2 × 503 (no pod starts or stops)",
        f"9.00 s, during `restart shop`: 1 × 503 ({NEW} starting; {OLD} stopping)",
        f"9.50 s, during `restart shop`: 1 × 503 ({OLD} stopping)",
    ]
    assert list(failure_lines(failed, 1))[1:] == ["and 2 more, up to 9.50 s"]


def test_gaps_are_told_apart_by_their_reasons():
    shots = [
        Shot(0.0, 0, GOOD),
        Shot(0.5, 0.5, unknown="a"),
        Shot(1.0, 1, unknown="a"),
        Shot(1.5, 2, unknown="b"),
    ]
    assert timeline(*shots).gaps() == (Gap(0.5, 1.5, 2, "a"), Gap(1.5, 2.0, 1, "b"))


def test_as_json():
    shots = (
        Shot(0.0, 0.1, Outcome(200, seconds=0.1), late=0.25),
        Shot(0.5, 0.5, unknown="gone"),
        Shot(9.0, 9.5, BAD, client="shop/web-1"),
    )
    data = timeline(*shots).as_json(wrong)
    assert data["load"] == "shop/web GET http://cart/, 2/s"
    assert [step["requests"]["failed"] for step in data["steps"]] == [0, 0, 1, 0]
    assert data["by_second"] == [
        {"second": 0, "turns": 2, "failed": 0, "unknown": 1, "slowest": 0.1, "latest": 0.25},
        {"second": 9, "turns": 1, "failed": 1, "unknown": 0, "slowest": 0.0, "latest": 0.0},
    ]
    assert data["failed"] == [
        {
            "at": 9.0,
            "end": 9.5,
            "what": "503",
            "step": "restart shop",
            "client": "shop/web-1",
            "pods": [f"{NEW} starting", f"{OLD} stopping"],
        }
    ]
    assert data["pods"][0] == {"at": 6, "pod": NEW, "phase": "starting"}
    assert data["gaps"] == [{"start": 0.5, "end": 1.0, "turns": 1, "why": "gone"}]

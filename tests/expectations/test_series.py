"""`sticky` and `rate`: on the model's words, on a cluster's answers, and on the model itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from harness.base.settings import Confidence
from harness.base.vocabulary import Workload
from harness.expectations import KINDS, Ground, Result
from harness.ground.model import ModelProvider
from harness.traffic.observables import Basis, Pod
from harness.traffic.outcomes import Outcome, Outcomes
from harness.traffic.series import BY_CONNECTION, Affinity, Key, Rate, Series
from tests.model.test_several import hashed, world
from tests.scripted import Scripted

WEB = Workload("shop", "web")
PASS, FAIL, INCONCLUSIVE = Result.PASS, Result.FAIL, Result.INCONCLUSIVE
CALL = {"from": "shop/client", "to": "http://web.shop/?a=b"}
ONE, TWO = ((Pod(name, (), ()),) for name in ("w-0", "w-1"))
QUICK = Confidence(settle=0)

BY_USER = Series(affinity=(Affinity(Key.HEADER, "x-user"),), pool="v1")
BY_SOURCE = Series(affinity=(Affinity(Key.SOURCE),))
OK = Outcome(200, backend=WEB)
USER, SOURCE = {"by": {"header": "X-User"}}, {"by": "source"}
SPREAD = {"kept": False}


def judged(kind: str, keys: dict, *outcomes: Outcome, pods: tuple[Pod, ...] = (*ONE, *TWO), **provider):
    scripted = Scripted(dict.fromkeys(outcomes, 1 / len(outcomes)), running=pods, **provider)
    return KINDS[kind].model_validate({**CALL, **keys}).judge(Ground(scripted, confidence=QUICK))


def of(series: Series, **more) -> Outcome:
    return replace(OK, series=series, **more)


ELSEWHERE = Outcome(200, backend=Workload("shop", "other"), series=BY_USER)
APART = replace(ELSEWHERE, series=replace(BY_USER, pool="v2"))

# what is expected, what the model says, and what that means
PREDICTED = [
    (USER, [of(BY_USER)], PASS),
    (USER, [of(BY_SOURCE)], FAIL),
    (USER, [OK], FAIL),
    (USER, [of(BY_USER), ELSEWHERE], PASS),
    (USER, [of(BY_USER), APART], FAIL),
    (USER, [of(BY_USER), OK], FAIL),
    (SOURCE, [of(BY_SOURCE)], PASS),
    (SOURCE, [of(Series(affinity=BY_CONNECTION))], FAIL),
    (USER | SPREAD, [OK], PASS),
    (USER | SPREAD, [of(Series(affinity=BY_CONNECTION))], PASS),
    (USER | SPREAD, [of(BY_USER)], FAIL),
    (USER | SPREAD, [of(BY_SOURCE)], FAIL),
    (USER | SPREAD, [Outcome(403)], FAIL),
    (USER, [Outcome(external="x:80")], INCONCLUSIVE),
]


@pytest.mark.parametrize(("keys", "outcomes", "result"), PREDICTED)
def test_sticky_by_what_the_model_says(keys, outcomes, result):
    assert judged("sticky", keys, *outcomes).result is result


def test_one_pod_alone_shows_nothing():
    for keys, outcome in ((USER, of(BY_USER)), (USER | SPREAD, OK)):
        verdict = judged("sticky", keys, outcome, pods=ONE)
        assert verdict.result is INCONCLUSIVE
        assert "shop/web has no second pod" in verdict.evidence[0]


class Hashing(Scripted):
    """Answers by the pod that a value of one header (cookie, parameter) falls to, or by any."""

    def __init__(self, pick, **more) -> None:
        super().__init__({OK: 1}, basis=Basis.OBSERVED, running=(*ONE, *TWO), **more)
        self.pick, self.asked = pick, []

    def send(self, request, count, *, witness=False) -> Outcomes:
        self.asked.append(request)
        sent = super().send(request, count, witness=witness)
        groups = tuple(
            replace(group, outcome=replace(group.outcome, pod=self.pick(request, number)))
            for number, group in enumerate(group for group in sent.groups for _ in range(int(group.weight)))
        )
        return Outcomes(tuple(replace(group, weight=group.weight * 0 + 1) for group in groups), len(groups))


def by_header(request, number) -> str:
    return f"w-{sum((request.header('x-user') or '').encode()) % 2}"


# what is expected, by what a cluster picks, and what is seen
OBSERVED = [
    (USER, by_header, PASS),
    (USER, lambda request, number: f"w-{number % 2}", FAIL),
    (USER, lambda request, number: "w-0", INCONCLUSIVE),
    (USER, lambda request, number: "", INCONCLUSIVE),
    (SOURCE, lambda request, number: "w-0", PASS),
    (USER | SPREAD, lambda request, number: f"w-{number % 2}", PASS),
    (USER | SPREAD, by_header, FAIL),
]


@pytest.mark.parametrize(("keys", "pick", "result"), OBSERVED)
def test_sticky_by_what_a_cluster_shows(keys, pick, result):
    verdict = KINDS["sticky"].model_validate({**CALL, **keys}).judge(Ground(Hashing(pick), confidence=QUICK))
    assert verdict.result is result
    assert verdict.n == 96


@pytest.mark.parametrize(
    ("by", "sent"),
    [
        ({"header": "X-User"}, {"headers": (("cookie", "b=1"), ("x-user", "harness-0"))}),
        ({"cookie": "sid"}, {"headers": (("cookie", "b=1; sid=harness-0"),)}),
        ({"parameter": "u"}, {"query": "a=b&u=harness-0"}),
    ],
)
def test_values_are_sent_where_they_belong(by, sent):
    provider = Hashing(by_header)
    keys = {**CALL, "by": by, "headers": {"cookie": "b=1"}}
    KINDS["sticky"].model_validate(keys).judge(Ground(provider, confidence=QUICK))
    assert {name: getattr(provider.asked[0], name) for name in sent} == sent


@pytest.mark.parametrize("by", [{}, {"header": "a", "cookie": "b"}, "connection"])
def test_what_sticks_is_one_of_what_there_is(by):
    with pytest.raises(ValidationError):
        KINDS["sticky"].model_validate({**CALL, "by": by})


TEN = Series(rates=(Rate(100, "all"), Rate(10, "each")))
LIMITED = Outcome(429)


@pytest.mark.parametrize(
    ("limit", "outcomes", "result"),
    [(10, [of(TEN)], PASS), (100, [of(TEN)], FAIL), (10, [OK], FAIL), (10, [of(TEN), OK], FAIL)],
)
def test_rate_by_what_the_model_says(limit, outcomes, result):
    assert judged("rate", {"per_second": limit}, *outcomes).result is result


@pytest.mark.parametrize(
    ("limit", "passing", "result"),
    [(10, 20, PASS), (10, 80, FAIL), (10, 5, FAIL)],
)
def test_rate_by_what_a_cluster_shows(limit, passing, result):
    class Bucket(Scripted):
        def send(self, request, count, *, witness=False):
            self.sent += count
            whole = super().send(request, count, witness=witness)
            if count == 1:
                return whole
            done = [
                replace(
                    whole.groups[0],
                    outcome=OK if at < passing else LIMITED,
                    weight=whole.groups[0].weight / count,
                )
                for at in range(count)
            ]
            return Outcomes(tuple(done), count)

    provider = Bucket({OK: 1}, basis=Basis.OBSERVED, running=(*ONE, *TWO))
    verdict = (
        KINDS["rate"].model_validate({**CALL, "per_second": limit}).judge(Ground(provider, confidence=QUICK))
    )
    assert verdict.result is result


def test_on_the_model_itself():
    provider = ModelProvider()
    provider.state = world(hashed("{httpHeaderName: x-user}"))
    call = {"from": "ist/client", "to": "http://s.ist/"}
    for by, result in (({"header": "x-user"}, PASS), ({"cookie": "sid"}, FAIL)):
        verdict = KINDS["sticky"].model_validate({**call, "by": by}).judge(Ground(provider))
        assert verdict.result is result

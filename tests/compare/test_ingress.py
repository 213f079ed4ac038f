"""Ingresses that Istio's gateway serves: what changes in one is seen, and what is another controller's said."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.compare.differing import differing
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO
from tests.model.test_istio_ingress import OTHERS, OURS, ingress, path, rule


def side(*objects):
    return changes.apply(estate(ISTIO), [OURS, OTHERS, *objects])


WEB = ingress(rule(path("/", "web"), path("/x", "new"), host="a.com"), name="shop/in")
# the other side's, what differs, and a part of an example
CASES = {
    "the same": (WEB, [], ""),
    "in another order": (ingress(rule(path("/x", "new"), path("/", "web"), host="a.com"), name="shop/in"), [], ""),
    "another type of path": (
        ingress(rule(path("/", "web"), path("/x", "new", "Exact"), host="a.com"), name="shop/in"), ["backend"], "/x/",
    ),
    "another Service": (ingress(rule(path("/", "new"), path("/x", "new"), host="a.com"), name="shop/in"), ["backend"], ""),
    "another host": (ingress(rule(path("/", "web"), path("/x", "new"), host="b.com"), name="shop/in"), ["status"], "host: "),
    "one path less": (ingress(rule(path("/", "web"), host="a.com"), name="shop/in"), ["backend"], "/x"),
    "another class": (
        ingress(rule(path("/", "web"), path("/x", "new"), host="a.com"), name="shop/in", more="ingressClassName: nginx"),
        ["undecided"], "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("other", "parts", "example"), CASES.values(), ids=CASES)
def test_cases(other, parts, example):
    found = differing(side(WEB), side(other))
    assert set(parts) <= {part for each in found for part in each.parts}
    assert bool(found) is bool(parts)
    assert any(example in str(each) for each in found) or not parts

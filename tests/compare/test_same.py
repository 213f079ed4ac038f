"""A configuration compared with itself: it is decided once, and what isn't decided is said all the same."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.analysis.twins import Twins
from harness.base.vocabulary import Mesh
from tests.compare.test_comparison import TO_NEW, TO_WEB, estate, route, service
from tests.model.clusters import ISTIO, LINKERD, resource


def profile(retryable: str):
    routes = f"[{{name: a, condition: {{pathRegex: /a/.*}}, isRetryable: {retryable}}}]"
    return resource("ServiceProfile", "shop/web.shop.svc.cluster.local", f"{{routes: {routes}}}")


ODD = service("{match: [{uri: {regex: '/\\p{Greek}'}}], " + TO_NEW + "}, {" + TO_WEB + "}")
OFTEN = resource(
    "HTTPRoute",
    "shop/often",
    "{parentRefs: [{kind: Service, name: web, group: ''}], rules: [{}]}",
    annotations={"retry.linkerd.io/limit": "500"},
)
UNDECIDED = {"an expression": (ISTIO, [ODD]), "many tries": (LINKERD, [OFTEN])}


@pytest.mark.parametrize(("mesh", "objects"), UNDECIDED.values(), ids=UNDECIDED)
def test_nothing_undecided_is_lost(mesh, objects, monkeypatch):
    before, after = estate(mesh, *objects), estate(mesh, *objects)
    once = compare(before, after)
    monkeypatch.setattr(Twins, "_say_the_same", lambda self: False)
    twice = compare(before, after)
    assert once.classes == twice.classes
    assert {each.harm for each in once.differences} == {"undecided"}
    assert set(map(str, once.differences)) == set(map(str, twice.differences))


PLAIN = [route("{matches: [{path: {value: /a}}], timeouts: {request: 2s}}")]

# a second side that isn't the same as the first
OTHERS = {
    "another number": (Mesh.LINKERD, [route("{matches: [{path: {value: /a}}], timeouts: {request: 3s}}")]),
    "another mesh": (Mesh.ISTIO, PLAIN),
    "an object more": (Mesh.LINKERD, [*PLAIN, profile("false")]),
}


def test_two_that_say_the_same_are_the_same():
    assert Twins(estate(LINKERD, *PLAIN), estate(LINKERD, *PLAIN)).are_same


@pytest.mark.parametrize(("mesh", "objects"), OTHERS.values(), ids=OTHERS)
def test_what_differs_in_anything_is_not_the_same(mesh: Mesh, objects):
    assert not Twins(estate(LINKERD, *PLAIN), estate(mesh, *objects)).are_same


def test_a_number_is_no_truth():
    """Python takes 1 for True."""
    sides = [
        estate(LINKERD, resource("ConfigMap", "shop/a", f"{{data: {value}}}")) for value in ("1", "true")
    ]
    assert not Twins(*sides).are_same


def test_an_object_that_is_older_is_not_the_same():
    first, second = profile("false"), service("{" + TO_WEB + "}")
    assert not Twins(estate(ISTIO, first, second), estate(ISTIO, second, first)).are_same

"""The classes of requests are all requests, each in one class, and each fares as its class does."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.explore.callers import Callers
from harness.analysis.explore.requests import Cluster, request
from harness.analysis.explore.strangers import with_strangers
from harness.analysis.explore.targets import targets
from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

TO_NEW, TO_WEB = "route: [{destination: {host: new}}]", "route: [{destination: {host: web}}]"
RULES = (
    "{hosts: [web], http: [{match: [{uri: {prefix: /a}, headers: {user: {regex: 'j.*'}}}], timeout: 2s, " + TO_NEW + "}, "
    "{match: [{uri: {exact: /a/b}, queryParams: {v: {exact: '2'}}}], rewrite: {uri: /x}, retries: {attempts: 2, retryOn: '503'}, " + TO_WEB + "}, "
    "{match: [{method: {exact: POST}, withoutHeaders: {user: {}}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, " + TO_WEB + "}, "
    "{" + TO_WEB + "}]}"
)  # fmt: skip
POLICY = "{selector: {matchLabels: {app: web}}, action: DENY, rules: [{to: [{operation: {paths: ['/x*', '*/b'], notMethods: [GET]}}]}]}"
ROUTES = (
    "{parentRefs: [{group: '', kind: Service, name: web, port: 80}], rules: ["
    "{matches: [{path: {value: /a}, headers: [{name: user, value: joe}]}, {path: {type: RegularExpression, value: '/a/[a-z]+'}}], backendRefs: [{name: new, port: 80}]}, "
    "{matches: [{method: POST, queryParams: [{name: v, value: '2'}]}], backendRefs: [{name: web, port: 80}], timeouts: {request: 1s}}]}"
)  # fmt: skip

CONFIGS = {
    ISTIO: [
        resource("VirtualService", "shop/web", RULES),
        resource("AuthorizationPolicy", "shop/web", POLICY, "security.istio.io/v1"),
    ],
    LINKERD: [resource("HTTPRoute", "shop/web", ROUTES)],
}


@cache
def explored(mesh):
    state = changes.place(cluster(ISTIO, LINKERD), "shop", [mesh])
    apps = [*app("shop/web", "any/web:1", 8080), *app("shop/new", "any/new:1", 8080)]
    side = Cluster(with_strangers(changes.apply(state, [*apps, *CONFIGS[mesh]])))
    caller = Callers(side.state, side.state).groups[0].members[0]
    target = next(each for each in targets(side.state, side.state) if each.label == "Service shop/web:80")
    return side, caller, target, side.explored(target, caller.before, 2_000)


REQUESTS = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/", "/a", "/a/b", "/a/bc", "/ab", "/x", "/y/b"]),
        "method": st.sampled_from(["GET", "POST", "HEAD"]),
        "header user": st.sampled_from([None, "joe", "ann", "j"]),
        "parameter v": st.sampled_from([None, "2", "3"]),
        "status": st.sampled_from([200, 503, 404]),
        "seconds": st.sampled_from([0.0, 3600.0]),
    }
)


@pytest.mark.parametrize("mesh", CONFIGS)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(values=REQUESTS)
def test_each_request_is_in_one_class_and_fares_as_that(mesh, values):
    side, caller, target, tree = explored(mesh)
    values = {**tree.classes[0].values, **values}
    classes = [each for each in tree.classes if not each.aside and each.holds(values)]
    assert len(classes) == 1
    answers, _ = side.decided(request(target, caller, values), values)
    said = classes[0].answers.filled(values)
    assert str(said) == str(answers)
    assert said.arrivals == answers.arrivals


@pytest.mark.parametrize("mesh", CONFIGS)
def test_nothing_looks_at_a_request_without_asking(mesh):
    *_, tree = explored(mesh)
    assert tree.untried == ()
    assert [each.answers.undecided for each in tree.classes if each.answers.undecided] == []
    assert len(tree.classes) > 10

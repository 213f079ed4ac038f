"""What holds for whatever is configured."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.base.vocabulary import Workload
from harness.model import Model, Transport, changes
from harness.model.decide import decide
from harness.model.distribution import Branch, certain, shares, then
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        one
        for namespace in ("ist", "lnk", "bare")
        for one in (
            *app(f"{namespace}/client", "curlimages/curl"),
            *app(f"{namespace}/web", "l5d/echo:v1", 8080),
            *app(f"{namespace}/v1", "l5d/echo:v1", 8080),
            *app(f"{namespace}/v2", "ghcr.io/mccutchen/go-httpbin", 8080),
        )
    ],
)

WEIGHTS = st.integers(0, 5)
NAMESPACES = st.sampled_from(["ist", "lnk", "bare"])
PATHS = st.sampled_from(["/get", "/anything", "/status/503", "/delay/1", "/"])


@st.composite
def virtual_services(draw, namespaces=NAMESPACES):
    namespace = draw(namespaces)
    path, abort = draw(PATHS), draw(st.integers(0, 100))
    weights = (draw(WEIGHTS), draw(WEIGHTS) + 1)
    retries = draw(st.integers(1, 3))
    return resource(
        "VirtualService",
        f"{namespace}/{draw(st.sampled_from('abc'))}",
        {
            "hosts": [draw(st.sampled_from(["web", "v1", "*.svc.cluster.local"]))],
            "http": [
                {
                    "match": [{"uri": {"prefix": path}}],
                    "fault": {"abort": {"httpStatus": 418, "percentage": {"value": abort}}},
                    "retries": {"attempts": retries, "retryOn": "5xx"},
                    "timeout": draw(st.sampled_from(["100ms", "500ms", "5s"])),
                    "route": [
                        {"destination": {"host": host}, "weight": weight}
                        for host, weight in zip(("v1", "v2"), weights, strict=True)
                    ],
                }
            ],
        },
    )


@st.composite
def http_routes(draw, namespaces=NAMESPACES):
    namespace = draw(namespaces)
    kind = draw(st.sampled_from(["Exact", "PathPrefix", "RegularExpression"]))
    return resource(
        "HTTPRoute",
        f"{namespace}/{draw(st.sampled_from('abc'))}",
        {
            "parentRefs": [{"kind": "Service", "name": "web", "group": draw(st.sampled_from(["", "core"]))}],
            "rules": [
                {
                    "matches": [{"path": {"type": kind, "value": draw(PATHS)}}],
                    "backendRefs": [
                        {"name": name, "port": draw(st.sampled_from([80, 81])), "weight": draw(WEIGHTS)}
                        for name in ("v1", "v2", "ghost")[: draw(st.integers(0, 3))]
                    ],
                }
            ],
        },
    )


@st.composite
def policies(draw, namespaces=NAMESPACES):
    namespace = draw(namespaces)
    action = draw(st.sampled_from(["ALLOW", "DENY", "AUDIT"]))
    spec = {
        "action": action,
        "rules": [{"to": [{"operation": {"methods": [draw(st.sampled_from(["GET", "POST"]))]}}]}],
    }
    istio = resource("AuthorizationPolicy", f"{namespace}/p", spec, "security.istio.io/v1")
    strict = resource("PeerAuthentication", f"{namespace}/p", {"mtls": {"mode": "STRICT"}})
    access = draw(st.sampled_from(["deny", "audit", "all-authenticated"]))
    server = resource("Server", f"{namespace}/s", {"podSelector": {}, "port": 8080, "accessPolicy": access})
    return draw(st.sampled_from([istio, strict, server]))


@st.composite
def destination_rules(draw, namespaces=NAMESPACES):
    mode = draw(st.sampled_from(["DISABLE", "ISTIO_MUTUAL"]))
    subsets = [{"name": "s", "labels": {"app": draw(st.sampled_from(["v1", "v2"]))}}]
    return resource(
        "DestinationRule",
        f"{draw(namespaces)}/{draw(st.sampled_from('abc'))}",
        {
            "host": draw(st.sampled_from(["web", "v1", "*.svc.cluster.local"])),
            "subsets": subsets,
        }
        | ({"trafficPolicy": {"tls": {"mode": mode}}} if draw(st.booleans()) else {}),
    )


@st.composite
def authorizations(draw, namespaces=NAMESPACES):
    namespace = draw(namespaces)
    target = {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}
    if draw(st.booleans()):
        target = {"group": "core", "kind": "Namespace", "name": namespace}
    authentication = {"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": "m"}
    return resource(
        "AuthorizationPolicy",
        f"{namespace}/{draw(st.sampled_from('abc'))}",
        {
            "targetRef": target,
            "requiredAuthenticationRefs": [authentication] if draw(st.booleans()) else [],
        },
        "policy.linkerd.io/v1alpha1",
    )


@st.composite
def authentications(draw, namespaces=NAMESPACES):
    suffix = "serviceaccount.identity.linkerd.cluster.local"
    names = ["*", f"default.lnk.{suffix}", f"*.ist.{suffix}"]
    identities = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return resource("MeshTLSAuthentication", f"{draw(namespaces)}/m", {"identities": identities})


OBJECTS = st.lists(st.one_of(virtual_services(), http_routes(), policies()), max_size=5)
KINDS = (virtual_services, http_routes, policies, destination_rules, authorizations, authentications)
UNRELATED = [
    resource("VirtualService", "bare/unrelated", {"hosts": ["x.org"], "http": [{"redirect": {"uri": "/"}}]}),
    resource("DestinationRule", "bare/unrelated", {"host": "x.org"}),
    resource("HTTPRoute", "lnk/unrelated", {"parentRefs": [{"kind": "Service", "group": "", "name": "x"}]}),
    resource(
        "AuthorizationPolicy",
        "ist/unrelated",
        {"selector": {"matchLabels": {"app": "x"}}},
        "security.istio.io/v1",
    ),
    resource("Server", "lnk/unrelated", {"podSelector": {"matchLabels": {"app": "x"}}, "port": 8080}),
]
REQUESTS = st.builds(
    lambda source, target, host, path, method: Request(
        Workload(source, "client"), f"http://{host}.{target}{path}", method
    ),
    NAMESPACES,
    NAMESPACES,
    st.sampled_from(["web", "v1", "ghost"]),
    PATHS,
    st.sampled_from(["GET", "POST"]),
)


def _state(objects):
    state = WORLD
    for one in objects:
        state = changes.apply(state, [one])
    return state


@settings(max_examples=150)
@given(OBJECTS, REQUESTS)
def test_outcomes_are_a_distribution_with_reasons(objects, request):
    outcomes = decide(_state(objects), request)
    assert outcomes.exact
    assert sum(group.weight for group in outcomes.groups) == 1
    for group in outcomes.groups:
        assert group.weight > 0
        assert group.trace
        assert (group.outcome.status is None) is (group.outcome.failure is not None)
    assert len({group.outcome for group in outcomes.groups}) == len(outcomes.groups)


@settings(max_examples=60)
@given(OBJECTS, REQUESTS, NAMESPACES)
def test_an_unrelated_service_changes_nothing(objects, request, namespace):
    state = _state(objects)
    other = changes.apply(state, app(f"{namespace}/unrelated", "l5d/echo:v1", 8080))
    assert decide(other, request) == decide(state, request)


@settings(max_examples=60)
@given(OBJECTS, REQUESTS)
def test_routes_and_policies_of_others_change_nothing(objects, request):
    state = _state(objects)
    assert decide(changes.apply(state, UNRELATED), request) == decide(state, request)


@st.composite
def neighbours(draw):
    """Objects of one namespace in two orders, and a request inside of it: they meet more often than not."""
    namespace = draw(st.sampled_from(["ist", "lnk"]))
    kinds = [kind(st.just(namespace)) for kind in KINDS]
    objects = draw(st.lists(st.one_of(kinds), min_size=2, max_size=8, unique_by=lambda one: one.key))
    path, method = draw(PATHS), draw(st.sampled_from(["GET", "POST"]))
    request = Request(Workload(namespace, "client"), f"http://web{path}", method)
    return objects, draw(st.permutations(objects)), request


@settings(max_examples=100)
@given(neighbours())
def test_the_order_within_one_instant_changes_nothing(case):
    *orders, request = case
    first, second = (decide(changes.apply(WORLD, objects), request) for objects in orders)
    assert first == second
    assert [group.trace for group in first.groups] == [group.trace for group in second.groups]


@settings(max_examples=40)
@given(OBJECTS, REQUESTS)
def test_where_all_is_understood_leniency_changes_nothing(objects, request):
    state = _state(objects)
    strict, lenient = (Model(state, lenient=lenient).decide(request) for lenient in (False, True))
    assert strict == lenient
    assert [answer.trace for answer in strict.answers] == [answer.trace for answer in lenient.answers]


@settings(max_examples=60)
@given(OBJECTS, REQUESTS)
def test_an_answer_tells_its_transport_and_identities(objects, request):
    for answer in Model(_state(objects)).decide(request).answers:
        told = [identity is not None for identity in answer.identities]
        assert told == [answer.transport is Transport.MUTUAL] * 2


@settings(max_examples=60)
@given(OBJECTS, REQUESTS)
def test_what_is_applied_and_removed_leaves_no_trace(objects, request):
    assert decide(changes.remove(_state(objects), objects), request) == decide(WORLD, request)


@given(st.lists(st.integers(0, 9), min_size=1).filter(any))
def test_shares_sum_to_one(weights):
    branches = shares((weight, index, ()) for index, weight in enumerate(weights))
    assert sum(branch.weight for branch in branches) == 1
    nested = then(branches, lambda index: shares(((1, index, ()), (index, -index, ()))))
    assert sum(branch.weight for branch in nested) == 1
    assert certain(1) == (Branch(1, 1),)

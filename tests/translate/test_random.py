"""Random configurations: whatever a translation does differently, a finding says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from harness.analysis.translate import Severity
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Mesh
from harness.model import Refused
from tests.compare.differing import differing
from tests.model.clusters import resource
from tests.translate.estates import APPS, before_and_after, placed

if TYPE_CHECKING:
    from harness.base.resources import Resource

TEXTS = st.sampled_from(["/", "/get", "/any", "/anything", "/anything/a"])
USERS = st.sampled_from(["jason", "ja", "james"])
HOSTS = st.sampled_from(["web", "web-v2", "all-web"])
METHODS = st.sampled_from(["GET", "POST"])
ACCOUNTS = st.sampled_from(
    [
        "cluster.local/ns/shop/sa/cart",
        "cluster.local/ns/ops/sa/tool",
        "cluster.local/ns/shop/*",
        "*",
        "*/sa/till",
    ]
)


def some(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """A mapping with one or two of these fields."""
    names = st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: fields[name] for name in chosen}))


def string(values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    exact_or_prefix = st.tuples(st.sampled_from(["exact", "prefix"]), values).map(lambda pair: dict([pair]))
    return st.one_of(exact_or_prefix, values.map(lambda value: {"regex": f"{value}.*"}))


MATCHES = some(
    uri=string(TEXTS),
    method=METHODS.map(lambda method: {"exact": method}),
    headers=string(USERS).map(lambda text: {"x-user": text}),
    withoutHeaders=string(USERS).map(lambda text: {"x-user": text}),
    ignoreUriCase=st.just(True),
    port=st.sampled_from([80, 81]),
    sourceLabels=st.just({"app": "cart"}),
)
ROUTES = st.lists(
    st.fixed_dictionaries(
        {
            "destination": st.fixed_dictionaries(
                {"host": HOSTS}, optional={"subset": st.sampled_from(["one", "two"])}
            )
        },
        optional={"weight": st.integers(1, 5)},
    ),
    min_size=1,
    max_size=2,
)
RULES = st.fixed_dictionaries(
    {"route": ROUTES},
    optional={
        "match": st.lists(MATCHES, min_size=1, max_size=2),
        "timeout": st.sampled_from(["1s", "500ms"]),
        "fault": st.just({"abort": {"httpStatus": 418, "percentage": {"value": 10}}}),
        "rewrite": st.just({"uri": "/get"}),
        "retries": st.just({"attempts": 2, "retryOn": "503"}),
    },
)


@st.composite
def virtual_services(draw: st.DrawFn) -> Resource:
    host, name = draw(HOSTS), draw(st.sampled_from("ab"))
    return resource(
        "VirtualService",
        f"shop/{name}",
        {"hosts": [host], "http": draw(st.lists(RULES, min_size=1, max_size=3))},
    )


@st.composite
def policies(draw: st.DrawFn) -> Resource:
    paths = st.lists(
        st.sampled_from(["/get", "/any*", "/anything/*", "*/a", "*", "/anything/{*}"]), min_size=1, max_size=2
    )
    sources = some(
        principals=st.lists(ACCOUNTS, min_size=1, max_size=2),
        namespaces=st.sampled_from([["ops"], ["shop", "x"], ["o*"]]),
        notPrincipals=st.lists(ACCOUNTS, min_size=1, max_size=1),
        notNamespaces=st.just(["shop"]),
        ipBlocks=st.just(["10.0.0.0/8"]),
    )
    operations = some(
        methods=st.lists(METHODS, min_size=1, max_size=1),
        paths=paths,
        notPaths=paths,
        notMethods=st.just(["POST"]),
        hosts=st.just(["web.shop"]),
    )
    conditions = some(values=st.just(["ja*"]), notValues=st.just(["jason"])).map(
        lambda part: [{"key": "request.headers[x-user]", **part}]
    )
    rule = st.fixed_dictionaries(
        {},
        optional={
            "from": sources.map(lambda source: [{"source": source}]),
            "to": operations.map(lambda operation: [{"operation": operation}]),
            "when": conditions,
        },
    )
    spec = {
        "action": draw(st.sampled_from(["ALLOW", "ALLOW", "DENY"])),
        "rules": draw(st.lists(rule, min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        spec["selector"] = {"matchLabels": {"app": "web"}}
    return resource(
        "AuthorizationPolicy", f"shop/{draw(st.sampled_from('pq'))}", spec, "security.istio.io/v1"
    )


SUBSETS = resource(
    "DestinationRule",
    "shop/all-web",
    "{host: all-web, subsets: [{name: one, labels: {version: v1}}, {name: two, labels: {version: v2}}]}",
)
STRICT = resource("PeerAuthentication", "shop/default", "{mtls: {mode: STRICT}}")
BY_NAMESPACE = resource(
    "AuthorizationPolicy",
    "shop/p",
    "{rules: [{from: [{source: {namespaces: [ops, x]}}]}]}",
    "security.istio.io/v1",
)
CONFIGS = st.tuples(
    st.lists(virtual_services(), max_size=2),
    st.lists(policies(), max_size=2),
    st.lists(st.sampled_from([SUBSETS, STRICT]), max_size=2),
).map(lambda parts: list({one.key: one for part in parts for one in part}.values()))

EXAMPLES = int(os.environ.get("HARNESS_RANDOM_CONFIGS", "8"))
"""How many configurations are made; a thorough run makes 500."""


@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
@given(CONFIGS)
@example([BY_NAMESPACE])
def test_a_difference_is_covered_by_a_finding(config: list[Resource]):
    try:
        placed(Mesh.ISTIO, APPS, config)
    except (Refused, NotModelledError):
        reject()  # no configuration that Istio has in force: there is nothing to compare
    before, after, made = before_and_after(config)  # what is made must be taken by the API
    covered = {one.resource for one in made.findings if one.severity in (Severity.LOST, Severity.CHANGED)}
    for difference in differing(before, after):
        decided = {step.subject for side in difference.traces for step in side}
        origins = {
            str(origin)
            for done in made.translated
            if str(done.resource) in decided
            for origin in done.origins
        }
        assert covered & (decided | origins), (str(difference), [part.data for part in config])

"""A match that lint calls shadowed never gets a request, by the model's own choice among all matches."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.lint.rule import CHECKS
from harness.api.istio.hosts import MESH
from harness.model import State, changes
from harness.model.istio.routing.rule import first_match
from harness.model.istio.routing.virtual_service import rules
from harness.model.message import Message
from tests.model.clusters import ISTIO, resource

INSTALLED = changes.install(State(), ISTIO)
PATHS = ("/", "/a", "/A", "/ab", "/a/b")
TEXTS = st.one_of(
    st.fixed_dictionaries({"exact": st.sampled_from(PATHS)}),
    st.fixed_dictionaries({"prefix": st.sampled_from(PATHS)}),
    st.sampled_from([{"regex": "/a.*"}, {"regex": ".*"}]),
)
HEADERS = st.sampled_from([{}, {"exact": "1"}, {"prefix": "1"}, {"exact": "12"}])
MATCH = st.fixed_dictionaries(
    {},
    optional={
        "uri": TEXTS,
        "ignoreUriCase": st.booleans(),
        "method": st.sampled_from([{"exact": "GET"}, {"prefix": "P"}, {"exact": "POST"}]),
        "headers": st.fixed_dictionaries({"x": HEADERS}),
        "withoutHeaders": st.fixed_dictionaries({"x": HEADERS}),
    },
)
MESSAGES = [
    Message(method, path, "", "web", headers)
    for method, path, headers in product(
        ("GET", "POST", "PUT"), (*PATHS, "/b"), ((), (("x", "1"),), (("x", "12"),), (("x", "2"),))
    )
]


@given(st.lists(st.lists(MATCH, max_size=3), min_size=2, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_is_shadowed_gets_no_request(matches):
    http = [{"match": each, "route": [{"destination": {"host": "web"}}]} for each in matches]
    written = resource("VirtualService", "default/web", {"hosts": ["web"], "http": http})
    state = changes.apply(INSTALLED, [written])
    (written,) = state.all("networking.istio.io", "VirtualService")
    chosen = set()
    for message in MESSAGES:
        choice = first_match(rules(written, MESH), message)
        if not isinstance(choice, tuple):
            chosen |= {choice.rule.field, choice.match.where if choice.match else choice.rule.field}
    shadowed = {
        sign.field
        for name in ("virtual-service-rule-shadowed", "virtual-service-match-shadowed")
        for sign in CHECKS[name](state)
    }
    assert not chosen & shadowed

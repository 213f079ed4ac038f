"""Conditions on requests, and the examples that stand for the classes that they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.compare.conditions import Conditions, of
from harness.analysis.compare.examples import examples, untried
from harness.analysis.taken_texts import taken
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch
from harness.manifests.documents import plain
from tests.model.clusters import resource


def paths(*wanted: TextMatch, grpc: bool = False) -> list[str]:
    found, missed = examples(Conditions(frozenset(wanted)), grpc=grpc, limit=1000)
    assert missed == 0
    return [one.path for one in found]


EXACT, PREFIX, SEGMENTS = (
    TextMatch("exact", "/a"),
    TextMatch("prefix", "/a"),
    TextMatch("segments", "/a"),
)


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("nothing is asked", [], ["/"]),
        ("an exact path", [EXACT], ["/", "/a"]),
        ("a string prefix", [PREFIX], ["/", "/a"]),
        ("whole segments, and a string", [PREFIX, SEGMENTS], ["/", "/a", "/ax"]),
        ("all three", [EXACT, PREFIX, SEGMENTS], ["/", "/a", "/a/", "/ax"]),
        ("a suffix", [TextMatch("suffix", "/end")], ["/", "/x/end"]),
    ],
)
def test_paths(name, wanted, found):
    assert paths(*wanted) == found


def test_a_regular_expression_is_taken_and_not_taken():
    wanted = TextMatch("regex", r"/v[12]/.*")
    taken = [wanted.holds(path) for path in paths(wanted)]
    assert True in taken
    assert False in taken


@pytest.mark.parametrize(
    ("pattern", "some"),
    [
        ("/[[:alpha:]]+", True),
        (r"/\pN\p{Lu}", True),
        (r"/\Q.*\E\z", True),
        ("/(?<n>a)(?i:b)", True),
        ("(?i)/a[[&~|]", True),
        (r"/\x{41}\<", True),
        ("/{id}", True),
        (r".*\.(js|json)", True),
        (r"\p{Greek}", False),
        ("[[:^alpha:]]", False),
        ("[a&&b]{1000}(?x)", False),
        ("[^\x00-\x7f&&x]", False),
    ],
)
def test_texts_that_an_expression_takes(pattern, some, recwarn):
    assert bool(taken(pattern)) is some
    assert list(untried(Conditions(frozenset([TextMatch("regex", pattern)])))) == ([] if some else [pattern])
    assert not recwarn.list


def test_texts_show_where_engines_differ():
    for pattern in (r".*\.(js|json)", "v1|v1beta", "(en|en-US)"):
        texts = taken(pattern)
        assert any(
            TextMatch("regex", pattern).holds(text)
            and not TextMatch("regex", pattern, dialect=Dialect.RUST).holds(text)
            for text in texts
        )


def test_grpc_paths_are_calls():
    found = paths(TextMatch("exact", "/pkg.Color/Get"), TextMatch("segments", "/pkg.Color"), grpc=True)
    assert found == ["/harness.Probe/Call", "/pkg.Color/Get", "/pkg.Color/Getx"]


def test_a_policy_behind_a_rewrite_is_reached():
    asked = Conditions(frozenset([TextMatch("exact", "/admin")]), rewrites=frozenset([("/gui/", "/")]))
    assert "/gui/admin" in [one.path for one in examples(asked, grpc=False, limit=100)[0]]


def test_all_combinations_within_the_limit_and_one_at_a_time_beyond():
    named = frozenset((f"x-{index}", TextMatch("exact", "on")) for index in range(4))
    every, missed = examples(Conditions(headers=named), grpc=False, limit=100)
    assert (len(every), missed) == (3**4, 0)
    some, missed = examples(Conditions(headers=named), grpc=False, limit=20)
    assert (len(some), missed) == (1 + 4 * 2, 3**4 - 9)


CONDITIONS = {
    "VirtualService": (
        "{hosts: [a], http: [{match: [{uri: {prefix: /a}, method: {exact: GET}, headers: {X-A: {exact: b}}}], "
        "rewrite: {uri: /}, route: [{destination: {host: a}}]}]}",
        Conditions(
            frozenset([TextMatch("prefix", "/a")]),
            frozenset([TextMatch("exact", "GET")]),
            headers=frozenset([("x-a", TextMatch("exact", "b"))]),
            rewrites=frozenset([("/a", "/")]),
        ),
    ),
    "HTTPRoute": (
        "{hostnames: ['*.example.com'], rules: [{matches: [{path: {type: Exact, value: /a}, "
        "queryParams: [{name: q, value: '1'}]}]}]}",
        Conditions(
            frozenset([TextMatch("exact", "/a")]),
            hosts=frozenset([TextMatch("suffix", ".example.com")]),
            query=frozenset([("q", TextMatch("exact", "1"))]),
        ),
    ),
    "HTTPRoute by expression": (
        "{rules: [{matches: [{headers: [{type: RegularExpression, name: A, value: b}]}]}]}",
        Conditions(
            frozenset([TextMatch("segments", "/")]),
            headers=frozenset(
                ("a", TextMatch("regex", "b", dialect=dialect)) for dialect in (Dialect.RE2, Dialect.RUST)
            ),
        ),
    ),
    "GRPCRoute": (
        "{rules: [{matches: [{method: {service: p.S, method: M}}]}]}",
        Conditions(frozenset([TextMatch("exact", "/p.S/M")])),
    ),
    "ServiceProfile": (
        "{routes: [{name: r, condition: {all: [{method: GET}, {pathRegex: /a}]}}]}",
        Conditions(
            frozenset([TextMatch("regex", "/a", dialect=Dialect.PROFILE)]),
            frozenset([TextMatch("exact", "GET")]),
        ),
    ),
    "AuthorizationPolicy": (
        "{rules: [{to: [{operation: {methods: [GET], notPaths: [/a*]}}], "
        "when: [{key: 'request.headers[X-B]', values: [c]}]}]}",
        Conditions(
            frozenset([TextMatch("prefix", "/a")]),
            frozenset([TextMatch("exact", "GET")]),
            headers=frozenset([("x-b", TextMatch("exact", "c"))]),
        ),
    ),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions(kind):
    spec, found = CONDITIONS[kind]
    api = "security.istio.io/v1" if kind == "AuthorizationPolicy" else ""
    assert of(resource(kind.partition(" ")[0], "ns/it", plain(spec), api=api)) == found


TEXTS = st.sampled_from(["/", "/a", "/a/", "/ab", "/a/b", "/b", "/b/c", "/B"])
MATCHES = st.builds(TextMatch, st.sampled_from(["exact", "prefix", "segments"]), TEXTS)


@given(st.frozensets(MATCHES, max_size=4), TEXTS)
def test_every_path_has_an_example_that_fulfils_the_same(wanted, path):
    def fulfilled(text: str) -> list[bool]:
        return [one.holds(text) for one in sorted(wanted, key=str)]

    assert fulfilled(path) in [fulfilled(example) for example in paths(*wanted)]

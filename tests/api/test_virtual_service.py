"""What comes out of a VirtualService's fields, and where each of them stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.api.headers import HeaderChanges
from harness.api.istio.delegate import under, unusable
from harness.api.istio.destination import weighted
from harness.api.istio.virtual_service import VirtualService
from harness.base.errors import InputError
from harness.base.matching import TextMatch
from tests.model.clusters import resource

if TYPE_CHECKING:
    from harness.api.istio.http_rule import HTTPMatchRequest, HTTPRule


def virtual_service(spec: str, name: str = "shop/web") -> VirtualService:
    return VirtualService.of(resource("VirtualService", name, spec))


def rule(fields: str, name: str = "shop/web") -> HTTPRule:
    return virtual_service("{http: [{" + fields + "}]}", name).http[0]


def match(fields: str) -> HTTPMatchRequest:
    return rule("match: [{" + fields + "}]").matches[0]


EXACT, PREFIX, REGEX, PRESENT = (
    TextMatch("exact", "x"),
    TextMatch("prefix", "x"),
    TextMatch("regex", "x.*"),
    TextMatch("present"),
)

# a StringMatch; what it asks of a path, of a header
TEXTS = {
    "exact": ("{exact: x}", EXACT, EXACT),
    "prefix": ("{prefix: x}", PREFIX, PREFIX),
    "expression": ("{regex: x.*}", REGEX, REGEX),
    "nothing": ("{}", None, PRESENT),
    "an asterisk, which is no expression": ("{regex: '*'}", TextMatch("regex", "*"), PRESENT),
    "the first of several": ("{regex: y, prefix: z, exact: x}", EXACT, EXACT),
}


@pytest.mark.parametrize(("text", "of_path", "of_header"), TEXTS.values(), ids=TEXTS)
def test_string_matches(text: str, of_path: TextMatch | None, of_header: TextMatch):
    asked = match(
        f"uri: {text}, headers: {{X-A: {text}}}, withoutHeaders: {{b: {text}}}, queryParams: {{c: {text}}}"
    )
    assert asked.uri_condition == of_path
    assert asked.header_conditions == (("X-A", of_header),)
    assert asked.header_exceptions == (("b", of_header),)
    assert asked.query_conditions == (("c", of_header),)


def test_case_never_counts_where_it_is_ignored_but_in_expressions():
    assert match("uri: {exact: x}, ignoreUriCase: true").uri_condition == TextMatch(
        "exact", "x", ignore_case=True
    )
    assert match("uri: {regex: x.*}, ignoreUriCase: true").uri_condition == REGEX
    assert match("method: {exact: x}, ignoreUriCase: true").method.condition() == EXACT


def test_what_is_null_is_not_there():
    asked = match("uri: null, headers: {a: null}, port: null, gateways: null")
    assert (asked.uri_condition, asked.header_conditions, asked.port, asked.bound) == (None, (), None, ())
    assert list(asked.unread()) == []


# gateways as written, in full
GATEWAYS = {
    "none": ("", ("mesh",)),
    "mesh": ("gateways: [mesh]", ("mesh",)),
    "of its own namespace": ("gateways: [out, mesh]", ("shop/out", "mesh")),
    "of another": ("gateways: [edge/out]", ("edge/out",)),
    "in the old way": ("gateways: [out.edge.svc.cluster.local, in.edge]", ("edge/out", "edge/in")),
}


@pytest.mark.parametrize(("written", "bound"), GATEWAYS.values(), ids=GATEWAYS)
def test_names_of_gateways(written: str, bound: tuple[str, ...]):
    read = virtual_service(
        "{http: [{match: [{" + written + "}]}], tcp: [{match: [{" + written + "}]}], " + written + "}"
    )
    assert read.bound == bound
    own = bound if written else ()
    assert (read.http[0].matches[0].bound, read.tcp[0].matches[0].bound) == (own, own)


def test_hosts_in_full():
    read = virtual_service("{hosts: [web, web.shop, '*', '*.example.com', a.b.c]}")
    assert read.full_hosts == ("web.shop.svc.cluster.local", "web.shop", "*", "*.example.com", "a.b.c")
    assert not read.is_delegate
    assert virtual_service("{}").is_delegate


# a rule's route; host, subset, port and weight of each destination
ROUTES = {
    "lone": ("[{destination: {host: a, port: {number: 80}}}]", [("a.shop.svc.cluster.local", "", 80, None)]),
    "lone with a weight, which isn't looked at": (
        "[{destination: {host: a.b}, weight: 7}]",
        [("a.b", "", None, None)],
    ),
    "unset beside others": (
        "[{destination: {host: a.b, subset: v}, weight: 7}, {destination: {host: c.d}}]",
        [("a.b", "v", None, 7), ("c.d", "", None, 0)],
    ),
}


@pytest.mark.parametrize(("route", "found"), ROUTES.values(), ids=ROUTES)
def test_destinations_and_weights(route: str, found: list[tuple[object, ...]]):
    read = rule(f"route: {route}")
    parts = [(part.destination, weight) for part, weight in weighted(read.route)]
    assert [(to.full_host, to.subset, to.port.number, weight) for to, weight in parts] == found
    assert [to.path for to, _ in parts] == [f"spec.http[0].route[{i}].destination" for i in range(len(found))]


def test_changes_of_headers():
    read = rule("headers: {request: {set: {A: b}, add: {c: d}, remove: [e]}}").headers
    assert read.request.changes == HeaderChanges((("A", "b"),), (("c", "d"),), ("e",))
    assert not read.response.changes


# mirrors as written; the host, the field and the share of each
COPIES = {
    "all": ("mirror: {host: a.b}", [("a.b", "mirror", 100.0)]),
    "a share": ("mirror: {host: a.b}, mirrorPercentage: {value: 0.5}", [("a.b", "mirror", 0.5)]),
    "a share of nothing": ("mirror: {host: a.b}, mirrorPercentage: {}", [("a.b", "mirror", 0.0)]),
    "the old share": ("mirror: {host: a.b}, mirrorPercent: 3", [("a.b", "mirror", 3.0)]),
    "the new share before the old": (
        "mirror: {host: a.b}, mirrorPercent: 3, mirrorPercentage: {value: 4}",
        [("a.b", "mirror", 4.0)],
    ),
    "several": (
        "mirrors: [{destination: {host: a}}, {destination: {host: c.d}, percentage: {value: 5}}]",
        [("a.shop.svc.cluster.local", "mirrors[0]", 100.0), ("c.d", "mirrors[1]", 5.0)],
    ),
}


@pytest.mark.parametrize(("written", "found"), COPIES.values(), ids=COPIES)
def test_where_copies_go(written: str, found: list[tuple[str, str, float]]):
    copies = [(to.full_host, field, share) for to, field, share in rule(written).copies]
    assert copies == [(host, f"spec.http[0].{field}", share) for host, field, share in found]


def test_faults_and_their_shares():
    fault = rule("fault: {delay: {fixedDelay: 1500ms, percent: 3}, abort: {httpStatus: 503}}").fault
    assert (fault.delay.fixed_delay, fault.delay.share) == (1.5, 3.0)
    assert (fault.abort.http_status, fault.abort.share) == (503, 0.0)
    fault = rule(
        "fault: {delay: {percent: 3, percentage: {value: 0.1}}, abort: {percentage: {value: 7}}}"
    ).fault
    assert (fault.delay.share, fault.abort.share) == (0.1, 7.0)


def test_other_actions_and_their_defaults():
    read = rule("redirect: {uri: /x}, retries: {attempts: 2, retryOn: '5xx, 409,'}, timeout: 3s")
    assert (read.redirect.status, read.redirect.uri) == (301, "/x")
    assert (read.retries.conditions, read.retries.per_try_timeout) == (("5xx", "409"), None)
    assert (read.retries.retry_ignore_previous_hosts, read.timeout) == (None, 3.0)
    assert rule("directResponse: {status: 503, body: {bytes: aGk=}}").direct_response.body.content == "hi"
    assert rule("directResponse: {status: 503, body: {string: hi}}").direct_response.body.content == "hi"
    assert not rule("").redirect


# corsPolicy; its origins
ORIGINS = {
    "new": ("{allowOrigins: [{exact: x}, {}], allowOrigin: [y]}", (EXACT,)),
    "old": ("{allowOrigin: [x]}", (EXACT,)),
    "the new one, empty": ("{allowOrigins: [], allowOrigin: [x]}", ()),
}


@pytest.mark.parametrize(("written", "origins"), ORIGINS.values(), ids=ORIGINS)
def test_origins(written: str, origins: tuple[TextMatch, ...]):
    assert rule(f"corsPolicy: {written}").cors_policy.origins == origins


# root's rule, delegate's rule; the places and conditions of the matches under the root's (None: left out)
GET = "match: [{uri: {prefix: /get}, headers: {a: {exact: x}}}]"
MERGED: dict[str, tuple[str, str, list[tuple[str, dict[str, object]]] | None]] = {
    "no matches": ("", "", []),
    "the delegate's own": ("", GET, [("match[0]", {"uri": "/get", "headers": ("a",)})]),
    "the root's, at the place of the delegate's rule": (GET, "", [("", {"uri": "/get", "headers": ("a",)})]),
    "both": (
        GET,
        "match: [{uri: {exact: /get/x}, headers: {b: {exact: y}}}]",
        [("match[0]", {"uri": "/get/x", "headers": ("a", "b")})],
    ),
    "each that fits": (
        "match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}]",
        "match: [{uri: {exact: /b/x}}, {uri: {exact: /a/x}}]",
        [("match[0]", {"uri": "/b/x"}), ("match[1]", {"uri": "/a/x"})],
    ),
    "one that contradicts": (GET, "match: [{uri: {prefix: /get/x}}, {uri: {prefix: /other}}]", None),
    "expressions": (GET, "match: [{uri: {regex: /get/x}}]", None),
    "other header": (GET, "match: [{headers: {a: {exact: y}}}]", None),
    "presence of a header": (GET, "match: [{headers: {a: {}}}]", None),
    "case": (GET, "match: [{uri: {exact: /get}, ignoreUriCase: true}]", None),
    "other port": ("match: [{port: 80}]", "match: [{port: 81}]", None),
    "other namespace": ("match: [{sourceNamespace: a}]", "match: [{port: 81}]", None),
    "other labels": ("match: [{sourceLabels: {a: b}}]", "match: [{sourceLabels: {a: c}}]", None),
    "more labels": (
        "match: [{sourceLabels: {a: b}}]",
        "match: [{sourceLabels: {c: d}}]",
        [("match[0]", {"labels": {"a": "b", "c": "d"}})],
    ),
    "gateways of the root's": ("match: [{gateways: [in]}]", "match: [{port: 1}]", [("match[0]", {"bound": ("shop/in",)})]),
    "gateways of its own": ("match: [{gateways: [in]}]", "match: [{gateways: [shop/in]}]", [("match[0]", {"bound": ("shop/in",)})]),
    "other gateways": ("match: [{gateways: [in]}]", "match: [{gateways: [in]}]", None),
}  # fmt: skip


@pytest.mark.parametrize(("above", "own", "found"), MERGED.values(), ids=MERGED)
def test_matches_of_delegates(above: str, own: str, found: list[tuple[str, dict[str, object]]] | None):
    merged = under(rule(own, "ops/leaf"), rule(f"{above}{', ' if above else ''}delegate: {{name: leaf}}"))
    if found is None:
        assert merged is None
        return
    assert merged is not None
    assert str(merged.resource) == "VirtualService ops/leaf"
    seen: list[tuple[str, dict[str, object]]] = []
    for part in merged.matches:
        path = part.uri_condition
        said = {
            "uri": path.value if path else None,
            "headers": tuple(sorted(name for name, _ in part.header_conditions)),
            "labels": part.source_labels,
            "bound": part.bound,
        }
        seen.append((part.path, {key: value for key, value in said.items() if value}))
    assert seen == [(f"spec.http[0].{place}".rstrip("."), fields) for place, fields in found]


def test_what_a_delegate_takes_over():
    root = rule(
        "delegate: {name: leaf}, timeout: 1s, mirror: {host: shadow}, headers: {request: {set: {a: b}}}, name: top",
    )
    merged = under(rule("timeout: 3s, fault: null, mirrors: [{destination: {host: own}}]", "ops/leaf"), root)
    assert merged is not None
    assert (merged.timeout, merged.name) == (3.0, "")
    assert not merged.delegate
    assert [host.full_host for host, _, _ in merged.copies] == [
        "shadow.shop.svc.cluster.local",
        "own.ops.svc.cluster.local",
    ]
    assert list(merged.unread()) == ["spec.http[0].headers"]


def test_what_is_no_rule_of_a_delegate():
    with pytest.raises(InputError, match=r"VirtualService ops/leaf spec.http\[0\].mirror.host is missing"):
        under(rule("mirror: {subset: x}", "ops/leaf"), rule("delegate: {name: leaf}"))


# the object that a rule of shop/web is left to; why it can't be
UNUSABLE = {
    "usable": (virtual_service("{http: []}", "ops/leaf"), ""),
    "absent": (None, "isn't there"),
    "no delegate": (virtual_service("{hosts: [x]}", "ops/leaf"), "has hosts of its own, so is no delegate"),
    "unseen": (virtual_service("{exportTo: ['.']}", "ops/leaf"), "isn't exported to shop"),
}


@pytest.mark.parametrize(("delegate", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_a_rule_can_be_left_to(delegate: VirtualService | None, why: str):
    root = rule("delegate: {name: leaf, namespace: ops}")
    assert root.delegate.key == ("ops", "leaf")
    assert rule("delegate: {name: leaf}").delegate.key == ("shop", "leaf")
    assert unusable(delegate.resource if delegate else None, root.resource, ("*",)) == why


LETTERS = st.text("aAb/", max_size=3)
WRITTEN = st.just({}) | st.dictionaries(
    st.sampled_from(["exact", "prefix"]), st.text("aAb/", min_size=1, max_size=2), min_size=1, max_size=1
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "uri": WRITTEN,
        "method": WRITTEN,
        "headers": st.dictionaries(st.sampled_from(["x", "y"]), WRITTEN, max_size=2),
        "ignoreUriCase": st.booleans(),
        "port": st.sampled_from([80, 81]),
        "sourceLabels": st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["1", "2"]), max_size=2),
        "gateways": st.lists(st.sampled_from(["mesh", "shop/in", "ops/out"]), max_size=2),
    },
)
REQUESTS = st.tuples(
    LETTERS,
    LETTERS,
    st.dictionaries(st.sampled_from(["x", "y"]), LETTERS, max_size=2),
    st.sampled_from([80, 81]),
    st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["1", "2"]), max_size=2),
    st.sampled_from(["mesh", "shop/in", "ops/out"]),
)


def takes(
    asked: HTTPMatchRequest, request: tuple[str, str, dict[str, str], int, dict[str, str], str]
) -> bool:
    path, method, headers, port, labels, gateway = request
    texts = ((asked.uri_condition, path), (asked.method.condition(), method))
    return (
        all(condition is None or condition.holds(text) for condition, text in texts)
        and all(condition.holds(headers.get(name)) for name, condition in asked.header_conditions)
        and asked.port in (None, port)
        and asked.source_labels.items() <= labels.items()
        and (not asked.bound or gateway in asked.bound)
    )


@settings(max_examples=300)
@given(st.lists(MATCHES, min_size=1, max_size=2), st.lists(MATCHES, min_size=1, max_size=2), REQUESTS)
def test_under_the_root_a_delegate_takes_what_both_take(
    above: list[object], own: list[object], request: object
):
    root, leaf = (
        VirtualService.of(resource("VirtualService", "shop/x", {"http": [{"match": matches}]})).http[0]
        for matches in (above, own)
    )
    merged = under(leaf, root)
    assume(merged is not None)
    both = any(takes(match, request) for match in root.matches) and any(
        takes(match, request) for match in leaf.matches
    )
    assert any(takes(match, request) for match in merged.matches) <= both

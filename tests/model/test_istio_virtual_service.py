"""VirtualService: its match fields, delegates, CORS, and what its rules do to requests and answers."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "team", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("ist/v2", "l5d/echo:v1", 8080),
        *app("team/v3", "l5d/echo:v1", 8080),
    ],
)
V1, V2, V3 = ("200 from ist/v1", "200 from ist/v2", "200 from team/v3")


def to(name, more=""):
    return f"{{{more}{', ' if more else ''}route: [{{destination: {{host: {name}}}}}]}}"


def root(*rules, hosts="[v1]", name="ist/root", more=""):
    return resource("VirtualService", name, f"{{hosts: {hosts}, http: [{', '.join(rules)}]{more}}}")


def leaf(*rules, name="ist/leaf", more=""):
    return resource("VirtualService", name, f"{{http: [{', '.join(rules)}]{more}}}")


def answer(objects, url="http://v1/", method="GET", **headers):
    return send(changes.apply(WORLD, objects), "ist/client", url, method, **headers)


def only(outcomes):
    (group,) = outcomes.groups
    return group


@pytest.mark.parametrize(
    ("match", "asked", "fits"),
    [
        ("uri: {prefix: /A}, ignoreUriCase: true", {"url": "http://v1/abc"}, True),
        ("uri: {exact: /A}, ignoreUriCase: true", {"url": "http://v1/a/"}, False),
        ("uri: {regex: '/a|/b'}", {"url": "http://v1/b"}, True),
        ("uri: {regex: /a}", {"url": "http://v1/ab"}, False),
        ("uri: {regex: '/[[:alpha:]]+'}", {"url": "http://v1/ab"}, True),
        ("uri: {regex: '/a(?<n>\\pN)\\z'}", {"url": "http://v1/a1"}, True),
        ("uri: {regex: '.*\\.(js|json)'}", {"url": "http://v1/a.json"}, True),
        ("scheme: {exact: http}", {}, True),
        ("scheme: {exact: https}", {}, False),
        ("method: {regex: 'GET|HEAD'}", {"method": "HEAD"}, True),
        ("method: {exact: get}", {}, False),
        ("authority: {prefix: v1}", {"url": "http://v1:80/"}, True),
        ("authority: {exact: v1}", {"url": "http://v1:80/"}, False),
        ("headers: {x-a: {}}", {"x_a": "1"}, True),
        ("headers: {x-a: {prefix: b}}", {"x_a": "ab"}, False),
        ("withoutHeaders: {x-a: {exact: '1'}}", {"x_a": "2"}, True),
        ("withoutHeaders: {x-a: {regex: '*'}}", {"x_a": "2"}, False),
        ("withoutHeaders: {x-a: {regex: '*'}}", {}, True),
        ("withoutHeaders: {x-a: {regex: '.*'}}", {}, False),
        ("queryParams: {q: {exact: '1'}}", {"url": "http://v1/?q=1&q=2"}, True),
        ("queryParams: {q: {}}", {"url": "http://v1/?p=1"}, False),
        ("port: 80", {}, True),
        ("port: 81", {}, False),
        ("sourceLabels: {app: client}", {}, True),
        ("sourceLabels: {app: other}", {}, False),
        ("sourceNamespace: ist", {}, True),
        ("sourceNamespace: team", {}, False),
        ("gateways: [mesh]", {}, True),
        ("gateways: [mesh], sourceLabels: {app: other}", {}, True),
        ("gateways: [edge]", {}, False),
        ("statPrefix: s", {}, True),
    ],
)
def test_match(match, asked, fits):
    outcomes = answer([root(to("v2", f"match: [{{{match}}}]"), to("v1"))], **asked)
    assert told(outcomes) == {V2 if fits else V1: 1}


def test_what_comes_after_a_rule_that_takes_all_is_told():
    outcomes = answer([root(to("v1"), to("v2"), to("v2"))])
    lost = [(reason.field, reason.text) for reason in only(outcomes).trace if reason.passed_over]
    assert lost == [
        (f"spec.http[{i}]", "comes after spec.http[0], which takes every request: the proxy doesn't get it")
        for i in (1, 2)
    ]


BEHIND = "(?=x)"
LARGE_EXCEPTION = r"match: [{withoutHeaders: {x: {regex: '\pL{1000}'}}}]"  # too large for RE2, not for Go
LARGE_ORIGIN = r"corsPolicy: {allowOrigins: [{regex: '\pL{1000}'}]}"
NO_SUCH_GROUP = r"rewrite: {uriRegexRewrite: {match: /a, rewrite: '\1'}}"

DELEGATES = "delegate: {name: leaf}"


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        ([root(f"{{{DELEGATES}}}"), leaf(to("v2"))], "http://v1/", {V2: 1}),
        ([root(f"{{{DELEGATES}}}", to("v1"))], "http://v1/", {V1: 1}),
        ([root(f"{{{DELEGATES}}}")], "http://v1/", {V1: 1}),
        ([leaf(to("v2"))], "http://v1/", {V1: 1}),
        ([root(f"{{match: [{{uri: {{prefix: /a}}}}], {DELEGATES}}}"), leaf(to("v2"))], "http://v1/ab", {V2: 1}),
        ([root(f"{{match: [{{uri: {{prefix: /a}}}}], {DELEGATES}}}"), leaf(to("v2"))], "http://v1/b", {"404": 1}),
        (
            [
                root(f"{{match: [{{uri: {{prefix: /a}}}}], {DELEGATES}}}"),
                leaf(to("v2", "match: [{uri: {exact: /a/b}}]"), to("v1")),
            ],
            "http://v1/a/b",
            {V2: 1},
        ),
        (
            [
                root(f"{{match: [{{uri: {{prefix: /a}}}}], {DELEGATES}}}"),
                leaf(to("v2", "match: [{uri: {prefix: /b}}]"), to("v1")),
            ],
            "http://v1/b",
            {"404": 1},
        ),
        (
            [
                root(f"{{match: [{{headers: {{x: {{exact: '1'}}}}}}], {DELEGATES}}}"),
                leaf(to("v2", "match: [{uri: {prefix: /b}}]")),
            ],
            "http://v1/b",
            {"404": 1},
        ),
        (
            [
                root(f"{{match: [{{uri: {{regex: /.*}}}}], {DELEGATES}}}", to("v1")),
                leaf(to("v2", "match: [{uri: {prefix: /b}}]")),
            ],
            "http://v1/b",
            {V1: 1},
        ),
        ([root("{delegate: {name: leaf, namespace: team}}"), leaf(to("v3"), name="team/leaf")], "http://v1/", {V3: 1}),
        (
            [
                root("{delegate: {name: leaf, namespace: team}}", to("v1")),
                leaf(to("v3"), name="team/leaf", more=", exportTo: ['.']"),
            ],
            "http://v1/",
            {V1: 1},
        ),
        (
            [
                root("{delegate: {name: leaf, namespace: team}}"),
                leaf(to("v3"), name="team/leaf", more=", exportTo: [ist]"),
            ],
            "http://v1/",
            {V3: 1},
        ),
        (
            [
                root(f"{{{DELEGATES}, fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}}}"),
                leaf(to("v2")),
            ],
            "http://v1/",
            {"418": 1},
        ),
        ([root(f"{{{DELEGATES}}}", to("v2")), root(to("v2"), name="ist/leaf", hosts="[v9]")], "http://v1/", {V2: 1}),
        (
            [root(f"{{match: [{{sourceNamespace: ist}}], {DELEGATES}}}", to("v1")), leaf(to("v2"))],
            "http://v1/",
            {V2: 1},
        ),
        (
            [
                root(f"{{match: [{{sourceNamespace: ist}}], {DELEGATES}}}", to("v1")),
                leaf(to("v2", "match: [{uri: {prefix: /}}]")),
            ],
            "http://v1/",
            {V1: 1},
        ),
    ],
)  # fmt: skip
def test_delegate(objects, url, told_):
    assert told(answer(objects, url)) == told_


def test_a_delegates_rule_is_told_with_the_one_that_delegates():
    outcomes = answer([root(f"{{{DELEGATES}}}"), leaf(to("v2"))])
    taken = [(one.subject, one.field) for one in only(outcomes).trace if not one.passed_over]
    assert ("VirtualService ist/root", "spec.http[0].delegate") in taken
    assert ("VirtualService ist/leaf", "spec.http[0]") in taken


def test_contradicting_delegates_are_told():
    outcomes = answer(
        [
            root(f"{{match: [{{uri: {{exact: /a}}}}], {DELEGATES}}}", to("v1")),
            leaf(to("v2", "match: [{uri: {exact: /b}}]")),
        ]
    )
    lost = [(one.subject, one.field) for one in only(outcomes).trace if one.passed_over]
    assert ("VirtualService ist/leaf", "spec.http[0].match") in lost


CORS = (
    "corsPolicy: {allowOrigins: [{exact: 'https://a.test'}, {regex: 'https://.*[.]b[.]test'}], "
    "allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b, x-c], maxAge: 24h%s}"
)
PREFLIGHT = {"method": "OPTIONS", "access_control_request_method": "PUT"}


@pytest.mark.parametrize(
    ("more", "asked", "backend", "headers"),
    [
        (
            ", allowCredentials: true",
            {**PREFLIGHT, "origin": "https://a.test"},
            None,
            {
                "access-control-allow-origin": "https://a.test",
                "access-control-allow-credentials": "true",
                "access-control-allow-methods": "GET,PUT",
                "access-control-allow-headers": "x-a",
                "access-control-max-age": "86400",
            },
        ),
        ("", {**PREFLIGHT, "origin": "https://c.b.test"}, None, {"access-control-allow-origin": "https://c.b.test"}),
        ("", {**PREFLIGHT, "origin": "https://c.test"}, "ist/v1", {"access-control-allow-origin": None}),
        (
            ", unmatchedPreflights: IGNORE",
            {**PREFLIGHT, "origin": "https://c.test"},
            None,
            {"access-control-allow-origin": None, "access-control-allow-methods": "GET,PUT"},
        ),
        ("", {"method": "OPTIONS", "origin": "https://a.test"}, "ist/v1", {"access-control-max-age": None}),
        ("", PREFLIGHT, "ist/v1", {"access-control-allow-origin": None}),
        (
            "",
            {"origin": "https://a.test"},
            "ist/v1",
            {
                "access-control-allow-origin": "https://a.test",
                "access-control-expose-headers": "x-b,x-c",
                "access-control-allow-credentials": None,
            },
        ),
        ("", {"origin": "https://c.test"}, "ist/v1", {"access-control-allow-origin": None}),
        ("", {}, "ist/v1", {"access-control-allow-origin": None}),
    ],
)  # fmt: skip
def test_cors(more, asked, backend, headers):
    outcome = only(answer([root(to("v1", CORS % more))], **asked)).outcome
    assert outcome.status == 200
    assert (str(outcome.backend) if outcome.backend else None) == backend
    assert {name: outcome.header(name) for name in headers} == headers


@pytest.mark.parametrize(
    "own", ["redirect: {uri: /n}", "directResponse: {status: 404}", "route: [{destination: {host: nobody}}]"]
)
def test_cors_comes_before_what_a_rule_does(own):
    rule = root(f"{{{own}, {CORS % ''}}}")
    preflight = only(answer([rule], **PREFLIGHT, origin="https://a.test")).outcome
    assert (preflight.status, preflight.header("access-control-allow-methods")) == (200, "GET,PUT")
    answered = only(answer([rule], origin="https://a.test")).outcome
    assert answered.status != 200
    assert answered.header("access-control-allow-origin") == "https://a.test"


@pytest.mark.parametrize("origins", ["[{exact: '*'}]", "[{regex: '.*'}]"])
def test_every_origin(origins):
    rule = to("v1", f"corsPolicy: {{allowOrigins: {origins}, allowMethods: ['*'], allowHeaders: ['*']}}")
    asked = {**PREFLIGHT, "origin": "https://x", "access_control_request_headers": "x-y"}
    outcome = only(answer([root(rule)], **asked)).outcome
    assert outcome.header("access-control-allow-methods") == "PUT"
    assert outcome.header("access-control-allow-headers") == "x-y"


def test_a_fault_comes_before_cors():
    fault = "fault: {abort: {httpStatus: 500, percentage: {value: 100}}}"
    outcome = only(answer([root(to("v1", f"{fault}, {CORS % ''}"))], origin="https://a.test")).outcome
    assert (outcome.status, outcome.header("access-control-allow-origin")) == (500, None)


@pytest.mark.parametrize(
    ("rule", "url", "status", "location"),
    [
        ("{redirect: {prefixRewrite: /n}, match: [{uri: {prefix: /a/}}]}", "http://v1/a/b?x=1", 301, "http://v1/nb?x=1"),
        ("{redirect: {uri: '/n?y=1'}}", "http://v1/a?x=1", 301, "http://v1/n?y=1"),
        ("{redirect: {derivePort: FROM_REQUEST_PORT, authority: a.b}}", "http://v1/a", 301, "http://a.b/a"),
        ("{redirect: {derivePort: FROM_REQUEST_PORT, scheme: https}}", "http://v1/", 301, "https://v1:80/"),
        ("{redirect: {derivePort: FROM_PROTOCOL_DEFAULT, scheme: https}}", "http://v1:80/", 301, "https://v1/"),
        ("{redirect: {authority: a.b, redirectCode: 307}}", "http://v1/a", 307, "http://a.b/a"),
    ],
)  # fmt: skip
def test_redirect(rule, url, status, location):
    outcome = only(answer([root(rule)], url)).outcome
    assert (outcome.status, outcome.header("location")) == (status, location)


@pytest.mark.parametrize(
    ("rule", "status", "body"),
    [
        ("{directResponse: {status: 503, body: {string: gone}}}", 503, "gone"),
        ("{directResponse: {status: 200, body: {bytes: aGk=}}}", 200, "hi"),
        ("{directResponse: {status: 204}}", 204, ""),
    ],
)
def test_direct_response(rule, status, body):
    outcome = only(answer([root(rule)])).outcome
    assert (outcome.status, outcome.body) == (status, body)


@pytest.mark.parametrize(
    "rule", ["{redirect: {uri: /n}, headers: {response: {set: {x-r: '1'}}}}",
             "{directResponse: {status: 200}, headers: {response: {add: {x-r: '1'}}}}",
             to("v1", "headers: {response: {set: {x-r: '1'}}}")],
)  # fmt: skip
def test_response_headers_are_set_on_the_proxys_own_answers_too(rule):
    assert only(answer([root(rule)])).outcome.header("x-r") == "1"


@pytest.mark.parametrize(
    ("rule", "path", "host"),
    [
        (to("v1", "rewrite: {uriRegexRewrite: {match: '^/a/([^/]+)', rewrite: '/\\1/b'}}"), "/c/b/d", "v1"),
        (to("v1", "rewrite: {authority: x.test}"), "/a/c/d", "x.test"),
        (to("v1", "headers: {request: {set: {Host: y.test}}}"), "/a/c/d", "y.test"),
        (to("v1", "headers: {request: {add: {':authority': z.test}}}"), "/a/c/d", "z.test"),
        (
            "{rewrite: {authority: x.test}, route: [{destination: {host: v1}, "
            "headers: {request: {set: {host: w.test}}}}]}",
            "/a/c/d",
            "x.test",
        ),
        (
            "{route: [{destination: {host: v1}, headers: {request: {set: {host: w.test}}}}]}",
            "/a/c/d",
            "w.test",
        ),
    ],
)
def test_rewrite(rule, path, host):
    saw = only(answer([root(rule)], "http://v1/a/c/d")).outcome.server_saw
    assert (saw.path, saw.host) == (path, host)


def test_headers_by_destination_and_rule():
    changes = (
        "headers: {request: {set: {x-a: rule}, remove: [x-c]}}, route: [{destination: {host: v1}, "
        "headers: {request: {set: {x-a: destination}, add: {x-b: '2'}}, response: {remove: [x-served-by]}}}]"
    )
    outcome = only(answer([root(f"{{{changes}}}")], x_a="0", x_b="1", x_c="1")).outcome
    saw = outcome.server_saw
    assert [saw.header(name) for name in ("x-a", "x-c")] == ["rule", None]
    assert [value for name, value in saw.headers if name == "x-b"] == ["1", "2"]
    assert outcome.header("x-served-by") is None


@pytest.mark.parametrize(
    ("port", "told_"), [("", {"503": 1}), (", port: {number: 8080}", {"200 from ist/v2": 1})]
)
def test_a_destination_is_asked_on_the_port_that_was_dialled(port, told_):
    other = resource("Service", "ist/other", "{selector: {app: v2}, ports: [{name: http, port: 8080}]}")
    rule = f"{{route: [{{destination: {{host: other{port}}}}}]}}"
    assert told(answer([other, root(rule)])) == told_


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        ("mirror: {host: v2}", "a copy goes to v2.ist.svc.cluster.local; its answer is thrown away"),
        ("mirror: {host: v2}, mirrorPercentage: {value: 12.5}", "v2.ist.svc.cluster.local (12.5 % of requests)"),
        ("mirror: {host: v2}, mirrorPercent: 5", "v2.ist.svc.cluster.local (5 % of requests)"),
        ("mirror: {host: v2}, mirrorPercentage: {value: 0}", ""),
        ("mirrors: [{destination: {host: v2}}, {destination: {host: v3.team}, percentage: {value: 50}}]",
         "v3.team (50 % of requests)"),
    ],
)  # fmt: skip
def test_mirrors(mirror, said):
    texts = [reason.text for reason in only(answer([root(to("v1", mirror))])).trace]
    copies = [text for text in texts if text.startswith("a copy goes to")]
    assert any(said in text for text in copies) if said else not copies


@pytest.mark.parametrize(
    ("elsewhere", "told_"),
    [("", {V2: 1}), (", retryIgnorePreviousHosts: false", {V2: 1})],
)
def test_retries_go_to_another_pod(elsewhere, told_):
    rule = to("v2", f"retries: {{attempts: 1, retryOn: '500,reset', perTryTimeout: 1s{elsewhere}}}")
    assert told(answer([root(rule)], "http://v1/?flaky=2")) == told_


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (f"{{hosts: [a, '*'], http: [{to('a')}]}}", "wildcard host * is not allowed"),
        (f"{{hosts: [a.b, '*.b'], http: [{to('a')}]}}", "duplicate hosts in virtual service: a.b & *.b"),
        (f"{{gateways: [g], http: [{to('a')}]}}", "delegate virtual service must have no gateways specified"),
        ("{http: [{delegate: {name: b}}]}", "delegate HTTP route cannot contain delegate"),
        ("{hosts: [a], http: [{name: r, delegate: {name: b}, redirect: {uri: /}}]}",
         "root HTTP route r must not specify redirect"),
        ("{hosts: [a]}", "http, tcp or tls must be provided"),
        ("{hosts: [a], http: [{name: r}]}", "HTTP route, redirect or direct_response is required"),
        ("{hosts: [a], http: [{fault: {delay: {fixedDelay: 1s}}, directResponse: {status: 200}}]}",
         "HTTP route cannot contain both fault and direct_response"),
        (f"{{hosts: [a], http: [{to('a', 'fault: {delay: {exponentialDelay: 1s}}')}]}}",
         "exponentialDelay not supported yet"),
        (f"{{hosts: [a], http: [{to('a', 'fault: {abort: {http2Error: X}}')}]}}",
         "HTTP/2 abort fault injection not supported yet"),
        (f"{{hosts: [a], http: [{to('a', 'mirror: {host: a}, mirrors: [{destination: {host: a}}]')}]}}",
         "HTTP route cannot contain both mirror and mirrors"),
        ("{hosts: [a], http: [{redirect: {redirectCode: 302}}]}", "redirect must specify URI, authority"),
        ("{hosts: [a], http: [{redirect: {uri: /, redirectCode: 200}}]}", "200 is not a valid redirect code"),
        (f"{{hosts: [a], http: [{to('a', 'rewrite: {}')}]}}", "rewrite must specify at least one of"),
        (f"{{hosts: [a], http: [{to('a', 'corsPolicy: {allowMethods: [get]}')}]}}", "is not a supported HTTP method"),
        (f"{{hosts: [a], http: [{to('a', 'corsPolicy: {allowOrigins: [{}]}')}]}}", "for CORS allow origins"),
        (f"{{hosts: [a], http: [{to('a', 'match: [{headers: {x: {prefix: ' + chr(34) * 2 + '}}}]')}]}}",
         '"headers": prefix string match should not be empty'),
        (f"{{hosts: [a], http: [{to('a', 'match: [{headers: {' + chr(34) + '@request.auth.claims.g' + chr(34) + ': {exact: x}}}]')}]}}",
         "JWT claim based routing (key: @request.auth.claims.g) is only supported for gateway"),
        ("{hosts: [a], tls: [{match: [{sniHosts: [b]}], route: [{destination: {host: a}}]}]}",
         'SNI host "b" is not a compatible subset'),
        ("{hosts: [a], tls: [{match: [{sniHosts: [a]}]}]}", "TLS route is required"),
        ("{hosts: [a], tcp: [{match: [{port: 1}]}]}", "TCP route is required"),
        (f"{{hosts: [a], exportTo: ['*', b], http: [{to('a')}]}}", "cannot have both public (*) and non-public"),
        *(
            (f"{{hosts: [a], http: [{to('a', part % BEHIND)}]}}",
             f'"{where}": error parsing regexp: invalid or unsupported Perl syntax: `(?=`; Istio uses RE2 style')
            for part, where in {
                "match: [{uri: {regex: '%s'}}]": "uri",
                "match: [{method: {regex: '%s'}}]": "method",
                "match: [{headers: {a: {regex: '%s'}}}]": "headers",
                "match: [{withoutHeaders: {a: {regex: '%s'}}}]": "withoutHeaders",
                "match: [{queryParams: {a: {regex: '%s'}}}]": "queryParams",
                "corsPolicy: {allowOrigins: [{regex: '%s'}]}": "corsPolicy.allowOrigins",
                "rewrite: {uriRegexRewrite: {match: '%s', rewrite: /}}": "HTTPRewrite.UriRegexRewrite.Match",
            }.items()
        ),
        (f"{{hosts: [a], http: [{to('a', 'match: [{uri: {regex: %s}}]' % ('a' * 1025))}]}}",
         '"uri": regex is too large, max length allowed is 1024'),
        (f"{{hosts: [a], http: [{to('a', 'match: [{withoutHeaders: {x: {regex: (}}}]')}]}}",
         "missing closing ): `(`"),
    ],
)  # fmt: skip
def test_refused(spec, words):
    with pytest.raises(Refused) as refused:
        changes.apply(WORLD, [resource("VirtualService", "ist/v", spec)])
    assert words in refused.value.what


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{hosts: [a], http: [{redirect: {uri: /, redirectCode: 304}}]}", "spec.http[0].redirect.redirectCode"),
        (f"{{hosts: [a], http: [{to('a', 'retries: {attempts: 21}')}]}}", "spec.http[0].retries.attempts"),
        (f"{{hosts: [a], http: [{to('a', LARGE_EXCEPTION)}]}}", "spec.http[0].match[0].withoutHeaders.x.regex"),
        (f"{{hosts: [a], http: [{to('a', LARGE_ORIGIN)}]}}", "spec.http[0].corsPolicy.allowOrigins[0].regex"),
        (f"{{hosts: [a], http: [{to('a', NO_SUCH_GROUP)}]}}", "spec.http[0].rewrite.uriRegexRewrite"),
    ],
)  # fmt: skip
def test_not_modelled(spec, field):
    with pytest.raises(NotModelledError, match="isn't modelled") as caught:
        changes.apply(WORLD, [resource("VirtualService", "ist/v", spec)])
    assert field in caught.value.what


VARIABLE = "headers: {request: {set: {x-ip: '%DOWNSTREAM_REMOTE_ADDRESS%'}}}"


@pytest.mark.parametrize(
    ("text", "header"),
    [("100%%", "100%"), ("a%%b%%", "a%b%"), ("plain", "plain")],
)
def test_envoy_takes_two_percent_signs_for_one(text, header):
    written = f"headers: {{request: {{set: {{x-a: '{text}'}}}}, response: {{add: {{x-b: '{text}'}}}}}}"
    outcome = only(answer([root(to("v1", written))])).outcome
    assert outcome.server_saw.header("x-a") == header
    assert outcome.header("x-b") == header


@pytest.mark.parametrize(
    "rule",
    [
        to("v1", VARIABLE),
        f"{{route: [{{destination: {{host: v1}}, {VARIABLE}}}]}}",
        to("v1", "headers: {response: {add: {x-a: 'at %START_TIME%'}}}"),
    ],
)
def test_variables_of_envoy_are_not_modelled(rule):
    with pytest.raises(NotModelledError, match="Envoy puts in the place of its variables"):
        changes.apply(WORLD, [root(rule)])

"""A translation is held to what it says of itself: what has no partner isn't proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.translate import translate
from harness.analysis.translate.finding import Finding
from harness.analysis.translate.proof import prove
from harness.manifests.files import Unread
from tests.model.clusters import resource
from tests.translate.estates import workload

APPS = [*workload("shop/cart"), *workload("shop/web"), *workload("shop/web-v2", version="v2")]
POLICY = "security.istio.io/v1"
V1, V2 = ("route: [{destination: {host: " + host + "}}]" for host in ("web", "web-v2"))


def routed(http: str) -> object:
    return resource("VirtualService", "shop/web", "{hosts: [web], http: " + http + "}")


def policy(spec: str) -> object:
    return resource("AuthorizationPolicy", "shop/policy", spec, POLICY)


GATEWAY = resource(
    "Gateway",
    "shop/gw",
    "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
)


def entered(http: str) -> list[object]:
    return [
        GATEWAY,
        resource("VirtualService", "shop/web", "{hosts: ['*'], gateways: [gw], http: " + http + "}"),
    ]


HTTPS = ", {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: cert}}"
CERTIFICATE = resource("Secret", "istio-system/cert")


def redirecting(others: str) -> object:
    plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}"
    return resource(
        "Gateway", "shop/gw", "{selector: {istio: ingressgateway}, servers: [" + plain + others + "]}"
    )


# what an estate has of Istio's; the codes of the findings that account for differences
PROVEN = {
    "alike": ([routed("[{match: [{uri: {prefix: /a}}], " + V2 + "}, {" + V1 + "}]")], set()),
    "fault": ([routed("[{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, " + V1 + "}]")], {"fault-injection"}),
    "condition that no route says": ([routed("[{match: [{sourceNamespace: shop}], " + V2 + "}, {" + V1 + "}]")], {"match"}),
    "direct response": ([routed("[{match: [{uri: {exact: /x}}], directResponse: {status: 403}}, {" + V1 + "}]")], {"direct-response"}),
    "rewrite": ([routed("[{rewrite: {uri: /x}, " + V1 + "}]")], {"rewrite"}),
    "let in": ([policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}")], set()),
    "denial that can't be said": (
        [policy("{action: DENY, rules: [{to: [{operation: {methods: [GET]}}], from: [{source: {notRequestPrincipals: ['*']}}]}]}")],
        {"policy-condition"},
    ),
    "routes beside a redirect to HTTPS": (
        [redirecting(HTTPS), *entered("[{match: [{uri: {prefix: /}}], " + V2 + "}]")[1:], CERTIFICATE],
        {"https-redirect"},
    ),
    "routes behind redirects alone": (
        [redirecting(""), *entered("[{match: [{uri: {exact: /a}}], " + V2 + "}, {" + V1 + "}]")[1:]],
        {"https-redirect"},
    ),
    "copies at a gateway": (entered("[{mirror: {host: web-v2}, mirrorPercentage: {value: 2.5}, " + V1 + "}]"), set()),
    "fault at a gateway": (entered("[{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, " + V1 + "}]"), {"fault-injection.gateway"}),
    "rewrite at a gateway": (entered("[{match: [{uri: {exact: /a}}], rewrite: {uri: /x}, " + V1 + "}]"), set()),
    "failures in a row": (
        [resource("DestinationRule", "shop/web", "{host: web, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}}")],
        {"outlier-detection"},
    ),
    "another port, and TLS there": (
        [
            resource("ServiceEntry", "shop/api", "{hosts: [api.acme.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]}"),
            resource("DestinationRule", "shop/api", "{host: api.acme.com, trafficPolicy: {tls: {mode: SIMPLE}}}"),
        ],
        {"egress-port.target", "tls-origination.mode"},
    ),
    "limits": (
        [resource("DestinationRule", "shop/web", "{host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}")],
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "codes"), PROVEN.values(), ids=PROVEN)
def test_each_difference_has_its_finding_and_each_loss_its_difference(config: list[object], codes: set[str]):
    resources = [*APPS, *config]
    made = translate(resources)
    proof = prove(resources, made)
    assert proof.unproven == ()
    told = {finding for each in proof.explained for finding in each.findings}
    assert {finding.code for finding in told if finding.origin} == codes
    assert {finding for finding in told if not finding.origin} == set(proof.estate_wide)
    if codes:  # without them nobody accounts for what differs
        silent = replace(made, findings=tuple(one for one in made.findings if one.code not in codes))
        left = prove(resources, silent).unproven
        assert left
        assert {one.why for one in left} == {"no finding accounts for this difference"}


def test_a_loss_that_no_request_shows_has_a_reason():
    config, _ = PROVEN["limits"]
    resources = [*APPS, *config]
    (told,) = prove(resources, translate(resources)).unseen
    assert (told[0].code, told[1]) == (
        "connection-pool",
        "one request, decided by itself, shows no limit of load",
    )


def test_an_object_that_says_something_else_is_not_proven():
    config, _ = PROVEN["alike"]
    resources = [*APPS, *config]
    made = translate(resources)
    (route,) = made.translated
    swapped = str(route.resource.data["spec"]).replace("web-v2", "cart")
    other = replace(route.resource, data={**route.resource.data, "spec": eval(swapped)})
    (told,) = prove(resources, replace(made, translated=(replace(route, resource=other),))).unproven
    assert "Service shop/web:80: backend" in told.what


def test_a_finding_that_isn_t_true_is_not_proven():
    config, _ = PROVEN["alike"]
    resources = [*APPS, *config]
    made = translate(resources)
    untrue = Finding.of("mirror", config[0], "spec.http[0].mirror")
    (told,) = prove(resources, replace(made, findings=(*made.findings, untrue))).unproven
    assert told.what == "lost [mirror] VirtualService shop/web spec.http[0].mirror"


def test_copies_that_are_lost_are_a_difference_of_their_own():
    """A fault's difference doesn't account for a mirror of the same rule: what arrives does."""
    rule = (
        "[{fault: {abort: {httpStatus: 503, percentage: {value: 50}}}, mirror: {host: web-v2}, " + V1 + "}]"
    )
    resources = [*APPS, routed(rule)]
    proof = prove(resources, translate(resources))
    assert proof.unproven == ()
    assert {"mirror", "fault-injection"} <= {each.code for part in proof.explained for each in part.findings}


def test_an_estate_that_nobody_calls_is_not_proven():
    config = [routed("[{" + V1 + "}]")]
    told = prove(config, translate(config)).unproven
    assert {one.what.partition("]")[0] for one in told} >= {"[port.unknown-service", "[unknown-service"}


def test_what_is_not_read_is_not_proven():
    (told,) = prove(APPS, translate(APPS), [Unread("charts/x", "a Helm chart")]).unproven
    assert (told.what, told.why) == ("charts/x", "it isn't read: a Helm chart")


# a made object, and a change of it that the findings don't speak of, though they speak of the same rule
def test_what_is_behind_clients_certificates_is_not_proven():
    mutual = HTTPS.replace("SIMPLE", "MUTUAL")
    resources = [*APPS, redirecting(mutual), *entered("[{" + V1 + "}]")[1:], CERTIFICATE]
    (unproven,) = prove(resources, translate(resources)).unproven
    assert (unproven.what, unproven.why.partition(":")[0]) == ("Gateway shop/gw", "spec.servers[1].tls.mode")


CHANGED = {
    "elsewhere": ("string prefix at a gateway", "web-v2", "cart"),
    "another path": ("fault at a gateway", "'/a'", "'/b'"),
    "subset": ("subset", "'v2'", "'v1'"),
}
PROVEN_BESIDE = {
    "string prefix at a gateway": entered("[{match: [{uri: {prefix: /a}}], " + V2 + "}, {" + V1 + "}]"),
    "fault at a gateway": entered(
        "[{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, match: [{uri: {exact: /a}}], "
        + V1
        + "}]"
    ),
    "subset": [
        resource("DestinationRule", "shop/web", "{host: web, subsets: [{name: b, labels: {version: v2}}]}"),
        routed("[{fault: {delay: {fixedDelay: 2s, percentage: {value: 100}}}, " + V1 + "}]"),
    ],
}


@pytest.mark.parametrize(("case", "before", "after"), CHANGED.values(), ids=CHANGED)
def test_a_finding_accounts_for_its_own_loss_alone(case: str, before: str, after: str):
    resources = [*APPS, *PROVEN_BESIDE[case]]
    made = translate(resources)
    assert prove(resources, made).unproven == ()
    changed = tuple(
        replace(each, resource=replace(each.resource, data=eval(str(each.resource.data).replace(before, after))))
        for each in made.translated
    )  # fmt: skip
    assert prove(resources, replace(made, translated=changed)).unproven


def test_a_denial_that_nobody_asked_for_is_not_a_change_of_words():
    strict = resource("PeerAuthentication", "shop/default", "{mtls: {mode: STRICT}}", POLICY)
    allowed = policy("{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}")
    resources = [*APPS, strict, allowed]
    made = translate(resources)
    assert prove(resources, made).unproven == ()
    stranger = tuple(
        replace(each, resource=replace(each.resource, data=eval(str(each.resource.data).replace("cart.shop", "web.shop"))))
        for each in made.translated
    )  # fmt: skip
    assert prove(resources, replace(made, translated=stranger)).unproven

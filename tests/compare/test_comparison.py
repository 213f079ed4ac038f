"""Two configurations compared: what differs, for whom, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed
from harness.analysis.compare.configurations import sides
from harness.manifests.files import read_manifests
from harness.model import changes
from harness.report.comparison import data, markdown, text
from tests.compare.differing import differing
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

if TYPE_CHECKING:
    from harness.base.vocabulary import Mesh

FACES = Path(__file__).parents[2] / "manifests" / "faces"
CONFIGS = Path(__file__).parents[2] / "manifests" / "configs" / "faces"


def estate(mesh: Mesh, *objects, namespace="shop"):
    state = changes.place(cluster(ISTIO, LINKERD), namespace, [mesh])
    apps = [*app(f"{namespace}/web", "any/web:1", 8080), *app(f"{namespace}/new", "any/new:1", 8080)]
    return changes.apply(state, [*apps, *app(f"{namespace}/client", "any/client:1"), *objects])


def service(spec: str):
    return resource("VirtualService", "shop/web", "{hosts: [web], http: [" + spec + "]}")


def route(spec: str):
    parent = "{group: '', kind: Service, name: web, port: 80}"
    return resource("HTTPRoute", "shop/web", "{parentRefs: [" + parent + "], rules: [" + spec + "]}")


TO_WEB, TO_NEW = "route: [{destination: {host: web}}]", "route: [{destination: {host: new}}]"
WEB, NEW = "backendRefs: [{name: web, port: 80}]", "backendRefs: [{name: new, port: 80}]"
SPLIT = "{route: [{destination: {host: web}, weight: 80}, {destination: {host: new}, weight: 20}]}"

# Istio's side, Linkerd's side, the parts that differ (each difference's), and what an example shows
CASES = {
    "nothing configured": ([], [], [], ""),
    "a split": (
        [service(SPLIT)],
        [route("{backendRefs: [{name: web, port: 80, weight: 80}, {name: new, port: 80, weight: 20}]}")],
        [],
        "",
    ),
    "another weight": (
        [service(SPLIT)],
        [route("{backendRefs: [{name: web, port: 80, weight: 70}, {name: new, port: 80, weight: 30}]}")],
        [("backend",)],
        "after:   0.3 200 from shop/new",
    ),
    "a string prefix that became a prefix of segments": (
        [service("{match: [{uri: {prefix: /v2}}], " + TO_NEW + "}, {" + TO_WEB + "}")],
        [route("{matches: [{path: {value: /v2}}], " + NEW + "}, {" + WEB + "}")],
        [("backend",)],
        "GET http://web.shop/v2harness",
    ),
    "a header that isn't asked for any more": (
        [service("{match: [{headers: {x-new: {exact: 'yes'}}}], " + TO_NEW + "}, {" + TO_WEB + "}")],
        [route("{" + WEB + "}")],
        [("backend",)],
        "-H 'x-new: yes'",
    ),
    "a method that is": (
        [service("{" + TO_WEB + "}")],
        [route("{matches: [{method: POST}], " + NEW + "}, {" + WEB + "}")],
        [("backend",)],
        "POST http://web.shop/",
    ),
    "an expression that Linkerd's first match doesn't span": (
        [service("{match: [{uri: {regex: '.*\\.(js|json)'}}], " + TO_NEW + "}, {" + TO_WEB + "}")],
        [route("{matches: [{path: {type: RegularExpression, value: '.*\\.(js|json)'}}], " + NEW + "}, {" + WEB + "}")],
        [("backend",)],
        ".json",
    ),
    "a delay": ([service("{fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}, " + TO_WEB + "}")], [], [("seconds",)], "200 from shop/web after 5 s"),
    "a time limit that is lost": (
        [service("{timeout: 2s, " + TO_WEB + "}")],
        [],
        [],
        "before:  504 after 2 s",
    ),
    "a time limit that is kept": ([service("{timeout: 2s, " + TO_WEB + "}")], [route("{timeouts: {request: 2s}, " + WEB + "}")], [], ""),
    "no rule for a path": (
        [service("{match: [{uri: {exact: /a}}], " + TO_WEB + "}")],
        [route("{matches: [{path: {type: Exact, value: /a}}], " + WEB + "}")],
        [],
        "",
    ),
    "a header that is set": (
        [service("{headers: {request: {set: {x-a: b}}}, " + TO_WEB + "}")],
        [route("{" + WEB + "}")],
        [("request_headers",)],
        "",
    ),
    "a policy that is lost": (
        [
            resource(
                "AuthorizationPolicy",
                "shop/web",
                "{selector: {matchLabels: {app: web}}, "
                "rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/default]}}]}]}",
                api="security.istio.io/v1",
            )
        ],
        [],
        [("refused",), ("refused",)],
        "harness-strangers-meshed/caller",
    ),
    "strict mutual TLS that is lost": (
        [resource("PeerAuthentication", "shop/web", "{mtls: {mode: STRICT}}")],
        [],
        [("refused",), ("refused",)],
        "harness-strangers-unmeshed/caller",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "parts", "shown"), CASES.values(), ids=CASES)
def test_differences(before, after, parts, shown):
    found = differing(estate(ISTIO, *before), estate(LINKERD, *after))
    told = {each.parts for each in found if not each.application}
    assert told == set(parts)
    assert shown in "".join(map(str, found))


@pytest.mark.parametrize("side", [[], *CASES.values()], ids=["nothing", *CASES])
def test_a_configuration_is_as_itself(side):
    state = estate(ISTIO, *(side[0] if side else []))
    found = compare(state, state)
    assert found.differences == ()
    assert found.classes >= 4


def test_one_difference_stands_for_all_classes_like_it():
    before = [service("{match: [{uri: {prefix: /a}}, {uri: {exact: /b}}], " + TO_NEW + "}, {" + TO_WEB + "}")]
    [found] = differing(estate(ISTIO, *before), estate(LINKERD))
    assert found.target == "Service shop/web:80"
    assert found.classes == 4
    assert set(found.sources) >= {"shop/web", "shop/client"}


def test_what_only_one_side_has_is_a_difference():
    gone = app("shop/old", "any/old:1", 8080)
    found = differing(estate(ISTIO, *gone), estate(LINKERD))
    assert {(each.target, each.harm) for each in found} >= {
        ("shop/old", "undecided"),
        ("Service shop/old:80", "closed"),
    }


def test_what_is_not_decided_is_a_difference_of_its_own_kind():
    odd = service("{match: [{uri: {regex: '/\\p{Greek}'}}], " + TO_NEW + "}, {" + TO_WEB + "}")
    found = differing(estate(ISTIO, odd), estate(ISTIO, odd))
    assert {each.harm for each in found} == {"undecided"}
    assert "which texts '/\\\\p{Greek}' takes" in "".join(map(str, found))


def test_what_is_sent_again_is_seen():
    retried = service("{retries: {attempts: 2, retryOn: '503'}, " + TO_WEB + "}")
    once = service("{retries: {attempts: 1, retryOn: '503'}, " + TO_WEB + "}")
    [found, *_] = differing(estate(ISTIO, retried), estate(ISTIO, once))
    assert found.parts == ("arrivals",)
    assert found.application == "answers 503"
    assert "arrive:  3 at shop/web; then 2 at shop/web" in str(found)


def test_copies_are_seen():
    copied = service("{mirror: {host: new}, " + TO_WEB + "}")
    found = differing(estate(ISTIO, copied), estate(ISTIO))
    assert {each.parts for each in found} == {("arrivals",)}


def test_tokens_are_asked():
    def authenticated(audience: str):
        rule = "{issuer: shop, audiences: [" + audience + "], jwks: '{}'}"
        spec = "{selector: {matchLabels: {app: web}}, jwtRules: [" + rule + "]}"
        return resource("RequestAuthentication", "shop/web", spec, "security.istio.io/v1")

    found = differing(estate(ISTIO, authenticated("a")), estate(ISTIO, authenticated("b")))
    assert {each.harm for each in found} >= {"opened", "closed"}


def test_faces_moves_with_all_but_its_delay():
    istio, linkerd = (
        read_manifests(CONFIGS / "istio"),
        read_manifests(CONFIGS / "linkerd" / "color-split-http.yaml"),
    )
    found = compare(*sides(istio, linkerd, read_manifests(FACES), ISTIO, LINKERD))
    assert "Service faces/smiley:80: seconds" in text(found)
    accepted = [each for each in found.differences if allowed(each, ["faces/smiley:seconds"])]
    assert {each.parts for each in accepted} == {("seconds",)}
    assert f"{len(accepted)} accepted" in text(found, ["faces/smiley:seconds"])
    assert '"parts": [\n        "seconds"\n      ]' in data(found)
    assert "### slower" in markdown(found)


def test_retries_of_grpc_statuses_are_seen_on_ports_that_say_http():
    def tried(attempts: int):
        on = f"retries: {{attempts: {attempts}, retryOn: unavailable}}"
        return estate(ISTIO, service(f"{{{on}, {TO_WEB}}}"))

    found = differing(tried(1), tried(2))
    assert {each.target for each in found} == {"Service shop/web:80 (grpc)"}
    assert {each.parts for each in found} == {("arrivals",)}

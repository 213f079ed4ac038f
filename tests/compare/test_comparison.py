"""Two configurations compared: what differs, for whom, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.comparison import RETRIES
from harness.analysis.compare.configurations import allowed, compared
from harness.manifests.files import read_manifests
from harness.model import changes
from harness.report.comparison import data, text
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

if TYPE_CHECKING:
    from harness.base.vocabulary import Mesh

FACES = Path(__file__).parents[2] / "manifests" / "faces"
CONFIGS = Path(__file__).parents[2] / "configs" / "faces"


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
        "GET http://web.shop:80/v2x",
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
        "POST http://web.shop:80/",
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
        [("status", "backend", "path", "host", "seconds", "mutual")],
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
    found = compare(estate(ISTIO, *before), estate(LINKERD, *after))
    assert [one.parts for one in found.differences] == parts
    assert found.left_out == ()
    assert found.classes >= 4
    assert shown in "".join(map(str, found.differences))


@pytest.mark.parametrize("side", [[], *CASES.values()], ids=["nothing", *CASES])
def test_a_configuration_is_as_itself(side):
    state = estate(ISTIO, *(side[0] if side else []))
    assert compare(state, state).differences == ()


def test_one_difference_stands_for_all_classes_like_it():
    before = [service("{match: [{uri: {prefix: /a}}, {uri: {exact: /b}}], " + TO_NEW + "}, {" + TO_WEB + "}")]
    [found] = compare(estate(ISTIO, *before), estate(LINKERD)).differences
    assert found.target == "Service shop/web:80"
    assert found.classes == 2
    assert set(found.sources) == {"shop/web"}


def test_what_only_one_side_has_is_left_out():
    gone = app("shop/old", "any/old:1", 8080)
    found = compare(estate(ISTIO, *gone), estate(LINKERD))
    assert found.left_out == ("shop/old calls on one side only", "Service shop/old isn't there after")


def test_an_expression_without_an_example_is_left_out():
    greek = service(r"{match: [{uri: {regex: '/\p{Greek}'}}], " + TO_NEW + "}, {" + TO_WEB + "}")
    text = r"texts that the regular expression '/\\p{Greek}' takes: no example was found"
    assert compare(estate(ISTIO, greek), estate(LINKERD)).left_out == (text,)


def test_retries_are_left_out():
    retried = service("{retries: {attempts: 2, retryOn: '503'}, " + TO_WEB + "}")
    assert compare(estate(ISTIO, retried), estate(LINKERD)).left_out == (RETRIES,)


def test_faces_moves_with_all_but_its_delay():
    found = compared(
        read_manifests(CONFIGS / "istio"), read_manifests(CONFIGS / "linkerd" / "color-split-http.yaml"),
        beside=read_manifests(FACES), mesh_before=ISTIO, mesh_after=LINKERD,
    )  # fmt: skip
    assert "Service faces/smiley:80: seconds" in text(found)
    assert '"parts": [\n        "seconds"\n      ]' in data(found)
    accepted = [one for one in found.differences if allowed(one, ["faces/smiley:seconds"])]
    assert [one.parts for one in accepted] == [("seconds",)]
    assert "1 accepted" in text(found, ["faces/smiley:seconds"])

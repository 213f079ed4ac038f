"""What proxies say that answer by themselves: another body is a difference, if only in words."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.report.comparison import text
from tests.compare.test_comparison import TO_WEB, estate, service
from tests.model.clusters import ISTIO, LINKERD, resource


def direct(status: int, body: str):
    return service(f"{{directResponse: {{status: {status}, body: {{string: {body}}}}}}}")


def rule(host: str):
    return resource(
        "DestinationRule", "shop/web", "{host: " + host + ", subsets: [{name: a, labels: {v: a}}]}"
    )


TO_SUBSET = service("{route: [{destination: {host: web, subset: a}}]}")

# what there is before, and after; the kind of the difference, and what is printed of it
CASES = {
    "another body of a failure": ([direct(503, "a")], [direct(503, "b")], "words", "before:  503 'a'"),
    "another body of an answer": ([direct(200, "a")], [direct(200, "b")], "otherwise", "after:   200 'b'"),
    "a subset of no pods, and none that is known": (
        [TO_SUBSET, rule("web")],
        [TO_SUBSET, rule("new")],
        "words",
        "before:  503 'no healthy upstream'",
    ),
    "an abort in the place of an answer": (
        [direct(503, "a")],
        [service("{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, " + TO_WEB + "}")],
        "words",
        "after:   503 'fault filter abort'",
    ),
}


@pytest.mark.parametrize(("before", "after", "harm", "shown"), CASES.values(), ids=CASES)
def test_other_words_are_a_difference(before, after, harm, shown):
    compared = compare(estate(ISTIO, *before), estate(ISTIO, *after))
    assert {each.harm for each in compared.differences} == {harm}
    assert {each.parts for each in compared.differences} == {("words",)}
    assert shown in text(compared)


def test_what_a_mesh_says_in_words_of_its_own_is_none():
    refusing = "{rules: [{to: [{operation: {notPaths: [/a]}}]}]}"
    policy = resource("AuthorizationPolicy", "shop/web", refusing, api="security.istio.io/v1")
    server = "{podSelector: {matchLabels: {app: web}}, port: 8080, accessPolicy: deny}"
    linkerd = resource("Server", "shop/web", server, api="policy.linkerd.io/v1beta3")
    compared = compare(estate(ISTIO, policy), estate(LINKERD, linkerd))
    refused = [each for each in compared.differences if each.harm == "words"]
    assert not [each for each in refused if str(each.before) == str(each.after)]

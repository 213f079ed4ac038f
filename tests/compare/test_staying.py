"""A client that stays in the old mesh when the workloads leave it."""

from __future__ import annotations

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed
from harness.report.comparison import text
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO, LINKERD, resource

MESHED = resource(
    "Server",
    "shop/web",
    "{podSelector: {matchLabels: {app: web}}, port: http, accessPolicy: all-authenticated}",
    "policy.linkerd.io/v1beta3",
)


def staying(*after):
    found = compare(estate(ISTIO), estate(LINKERD, *after), staying=True)
    return found, [each for each in found.differences if any("staying" in source for source in each.sources)]


def test_it_loses_mutual_tls_and_that_is_the_meshes_doing():
    found, own = staying()
    plain = [each for each in own if each.parts == ("mutual",)]
    assert {each.service.name for each in plain} == {"web", "new", "istio-ingressgateway"}
    assert all(allowed(each, ["*:stays-behind"]) for each in plain)
    assert any(f"also at: Service shop/{name}:80" in text(found) for name in ("web", "new"))


def test_that_it_is_refused_is_a_difference():
    _, own = staying(MESHED)
    refused = [each for each in own if each.harm == "closed" and each.service.name == "web"]
    assert [each for each in refused if not allowed(each, ["*:mesh"])]


def test_nobody_stays_where_nothing_moves():
    assert not compare(estate(ISTIO), estate(ISTIO), staying=True).differences


def test_it_is_asked_on_demand():
    found = compare(estate(ISTIO), estate(LINKERD))
    assert not [each for each in found.differences if any("staying" in source for source in each.sources)]

"""External authorizers whose answer is told: what their policies ask shows."""

from __future__ import annotations

from dataclasses import replace

from harness.traffic.outside import AuthorizerAnswer, Outside
from tests.compare.differing import differing
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO, resource

MESH = "extensionProviders: [{name: opa, envoyExtAuthzGrpc: {service: new.shop.svc.cluster.local, port: 80}}]"
SETTINGS = resource("ConfigMap", "istio-system/istio")
SETTINGS = replace(SETTINGS, data={**SETTINGS.data, "data": {"mesh": MESH}})


def side(path: str, status: int | None):
    spec = "{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: [" + path + "]}}]}]}"
    state = estate(
        ISTIO, SETTINGS, resource("AuthorizationPolicy", "shop/asked", spec, "security.istio.io/v1")
    )
    answers = {} if status is None else {"opa": AuthorizerAnswer(status)}
    return replace(state, outside=Outside(authorizers=answers))


def test_without_an_answer_it_is_not_decided():
    found = differing(side("/x", None), side("/x", None))
    assert {each.parts for each in found} == {("undecided",)}
    assert "asked by gRPC isn't known" in str(found[0])


def test_other_paths_show_where_it_denies():
    assert differing(side("/x", 403), side("/x", 403)) == []
    assert any("/x" in str(each) for each in differing(side("/x", 403), side("/y", 403)))

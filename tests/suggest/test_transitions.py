"""What a suggested scenario sends during its transitions: what the model sees answered all the way."""

from __future__ import annotations

from tests.suggest.estates import SHOP
from tests.suggest.test_suggest import suggested

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
"""
BY_IDENTITY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]
"""


def test_what_is_answered_in_every_stage_is_sent_in_between(tmp_path):
    made = suggested(tmp_path, apps=SHOP, istio=ROUTE)
    asked = [one["available"] for one in made.data["during"]]
    assert asked
    assert all((one["rate"], one["success"]) == ("10/s", "100%") for one in asked)
    assert len({(one["from"], one["to"]) for one in asked}) == len(asked) <= 3


def test_what_fails_on_the_way_is_told_instead(tmp_path):
    made = suggested(tmp_path, apps=SHOP, istio=BY_IDENTITY)
    assert "http://cart/" not in str(made.data.get("during"))
    line = "# - during transitions, since the model foresees a failure: available GET from"
    assert line in made.uncovered
    assert "to stage 'linkerd': during `mesh shop: linkerd`, by old pods of shop/" in made.uncovered

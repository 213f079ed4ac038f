"""An object named by its kind alone is found in the version of its group that serves the kind."""

from __future__ import annotations

from harness.base.resources import ObjectName
from harness.cluster.api.discovery import Discovery
from tests.cluster.fakes import FakeClient

GROUP = "policy.linkerd.io"


def version(name: str, *kinds: str) -> dict[str, object]:
    entries = [{"name": f"{kind.lower()}s", "kind": kind, "namespaced": True} for kind in kinds]
    return {f"/apis/{GROUP}/{name}": {"resources": entries}}


def test_a_kind_may_be_served_in_another_version_than_the_preferred_one():
    versions = [{"groupVersion": f"{GROUP}/{name}"} for name in ("v1beta3", "v1alpha1")]
    client = FakeClient()
    client.objects |= {
        "/apis": {"groups": [{"name": GROUP, "preferredVersion": versions[0], "versions": versions}]},
        **version("v1beta3", "Server"),
        **version("v1alpha1", "Server", "EgressNetwork"),
    }
    discovery = Discovery(client)
    found = {
        kind: discovery.named(ObjectName.parse(f"{kind} shop/x")) for kind in ("Server", "EgressNetwork")
    }
    assert {kind: endpoint.api_version for kind, endpoint in found.items()} == {
        "Server": f"{GROUP}/v1beta3",
        "EgressNetwork": f"{GROUP}/v1alpha1",
    }

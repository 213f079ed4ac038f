"""Whether NetworkPolicies act in a cluster, by the plugins that run there."""

from __future__ import annotations

import pytest

from harness.cluster.objects.snapshot import lacking_enforcement
from tests.cluster.fakes import FakeClient


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["kindnet", "kube-proxy"], None),
        (["kube-proxy", "calico-node"], None),
        (["kube-proxy", "kube-flannel-ds"], "(kube-flannel-ds, kube-proxy)"),
        ([], "()"),
    ],
)
def test_only_known_plugins_enforce_them(names, reason):
    sets = [
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system"}}
        for name in names
    ]
    told = lacking_enforcement(FakeClient(*sets))
    assert told is None if reason is None else told.endswith(reason)

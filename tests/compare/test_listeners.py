"""Hosts, addresses and headers that tell listeners and virtual hosts of a sidecar apart, compared."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.compare.differing import differing
from tests.model.clusters import ISTIO, app, cluster, resource

WORLD = changes.apply(
    changes.place(cluster(ISTIO), "shop", [ISTIO]),
    [*app("shop/client", "any:1"), *app("shop/web", "any:1", 8080), *app("shop/new", "any:1", 8080)],
)
ENTRY = (
    "{{hosts: [{host}], ports: [{{number: {port}, name: p, protocol: {protocol}}}], "
    "resolution: STATIC, endpoints: [{{address: {end}}}]{more}}}"
)
RULES = (
    "{{hosts: [web], http: [{{match: [{{headers: {{'{name}': {{exact: '{value}'}}}}}}], "
    "route: [{{destination: {{host: new}}}}]}}, {{route: [{{destination: {{host: web}}}}]}}]}}"
)


def entry(end, protocol="TCP", port=5432, host="db.acme.com", more="") -> object:
    spec = ENTRY.format(host=host, port=port, protocol=protocol, end=end, more=more)
    return resource("ServiceEntry", "shop/e", spec)


def rules(name, value):
    return resource("VirtualService", "shop/v", RULES.format(name=name, value=value))


@pytest.mark.parametrize(
    ("before", "after", "target"),
    [
        # All of the port goes there: whatever host is asked for.
        (entry("198.51.100.1"), entry("198.51.100.2"), "harness-elsewhere.com:5432"),
        (
            entry("198.51.100.1", more=", addresses: [52.9.9.9]"),
            entry("198.51.100.2", more=", addresses: [52.9.9.9]"),
            "52.9.9.9:5432",
        ),
        (
            entry("198.51.100.1", "HTTP", 80, more=", addresses: [52.9.9.9]"),
            entry("198.51.100.2", "HTTP", 80, more=", addresses: [52.9.9.9]"),
            "52.9.9.9:80",
        ),
        (rules(":method", "PURGE"), rules(":method", "FLUSH"), "Service shop/web:80"),
        (rules(":authority", "web"), rules(":authority", "web.shop"), "Service shop/web:80"),
    ],
)
def test_a_difference_is_seen(before, after, target):
    before, after = (changes.apply(WORLD, [each]) for each in (before, after))
    assert target in {each.target.split(" (")[0] for each in differing(before, after)}
    assert not differing(before, before)

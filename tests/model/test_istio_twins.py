"""Several objects of one namespace that say something of one host: Istio joins their endpoints."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

HALF = Fraction(1, 2)


def entry(name: str, address: str, *, host: str = "ext.acme.com", port: str = "http", **spec: object):
    return resource(
        "ServiceEntry",
        f"ist/{name}",
        {
            "hosts": [host],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": port, "protocol": "HTTP"}],
            "endpoints": [{"address": address}],
            **spec,
        },
    )


def world(*objects):
    return changes.apply(cluster(ISTIO), [*app("ist/client", "x/client"), *objects])


def out(address: str) -> str:
    return f"left the cluster to {address}:80"


BOTH = {out("198.51.100.1"): HALF, out("198.51.100.2"): HALF}
FIRST, SECOND = entry("a", "198.51.100.1"), entry("b", "198.51.100.2")
DNS = {"resolution": "DNS"}


@pytest.mark.parametrize(
    ("entries", "answers"),
    [
        ([FIRST, SECOND], BOTH),
        ([FIRST, entry("b", "198.51.100.2", port="other")], {out("198.51.100.1"): 1}),
        # Where names are resolved the port's number counts.
        ([entry("a", "198.51.100.1", **DNS), entry("b", "198.51.100.2", port="other", **DNS)], BOTH),
        ([entry("a", "198.51.100.1", **DNS), SECOND], BOTH),
    ],
)
def test_endpoints_of_entries_are_joined(entries, answers):
    assert told(send(world(*entries), "ist/client", "http://ext.acme.com/")) == answers


def test_names_among_addresses_are_refused():
    named = entry("b", "db.acme.com", **DNS)
    with pytest.raises(NotModelledError, match=r"ServiceEntry ist/b spec\.resolution isn't modelled"):
        send(world(FIRST, named), "ist/client", "http://ext.acme.com/")


@pytest.mark.parametrize(("port", "share"), [("http", HALF), ("other", 1)])
def test_an_entry_adds_to_a_service_of_its_namespace(port, share):
    own = entry("a", "198.51.100.1", host="web.ist.svc.cluster.local", port=port)
    state = world(*app("ist/web", "x/web", 8080), own)
    assert told(send(state, "ist/client", "http://web.ist/"))["200 from ist/web"] == share


@pytest.mark.parametrize(("labels", "mutual"), [({}, False), ({"security.istio.io/tlsMode": "istio"}, True)])
def test_an_entry_for_a_headless_service_ends_mutual_tls_to_its_pods(labels, mutual):
    web, service = app("ist/web", "x/web", 8080)
    service = resource("Service", "ist/web", {**service.data["spec"], "clusterIP": "None"})
    host = "web.ist.svc.cluster.local"
    added = entry("a", "198.51.100.1", host=host, endpoints=[{"address": "198.51.100.1", "labels": labels}])
    outcomes = send(world(web, service, added), "ist/client", "http://web.ist:80/", host=host)
    hops = {group.outcome.hop.mutual for group in outcomes.groups if group.outcome.hop}
    assert hops == {mutual}

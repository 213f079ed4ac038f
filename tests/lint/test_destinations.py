"""What lint says of a VirtualService's destination is what the model answers: an error where it fails, none else."""

from __future__ import annotations

from itertools import product

import pytest

from harness.analysis.lint import lint
from harness.base.vocabulary import Workload
from harness.model import State, changes
from harness.model.decide import decide
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, deployment, resource

POD = {"containers": [{"name": "web", "image": "example.com/web:1", "ports": [{"containerPort": 8080}]}]}
INSTALLED = changes.apply(
    changes.install(State(), ISTIO),
    [
        resource("Namespace", "shop", labels={"istio-injection": "enabled"}),
        deployment("shop/web", POD),
        resource(
            "Service",
            "shop/web",
            {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        ),
        resource(
            "DestinationRule",
            "shop/two",
            {
                "host": "two",
                "subsets": [
                    {"name": "v1", "labels": {"app": "web"}},
                    {"name": "v2", "labels": {"app": "no"}},
                ],
            },
        ),
    ],
)
PORTS = {"one": (81,), "the caller's": (80, 81), "others": (81, 82)}


@pytest.mark.parametrize("ports", PORTS.values(), ids=PORTS)
@pytest.mark.parametrize("host", ["two", "two.shop.svc.cluster.local", "two.shop", "gone", "db.example.com"])
def test_an_error_where_requests_fail_and_none_else(host, ports):
    written = [{"name": f"http-{number}", "port": number, "targetPort": 8080} for number in ports]
    two = resource("Service", "shop/two", {"selector": {"app": "web"}, "ports": written})
    state = changes.apply(INSTALLED, [two])
    for port, subset in product((None, *ports, 99), (None, "v1", "v2", "v3")):
        chosen = {"port": port and {"number": port}, "subset": subset}
        destination = {"host": host, **{key: value for key, value in chosen.items() if value}}
        rules = {"hosts": ["web"], "http": [{"route": [{"destination": destination}]}]}
        routed = changes.apply(state, [resource("VirtualService", "shop/web", rules)])
        (group,) = decide(routed, Request(Workload("shop", "web"), "http://web/")).groups
        errors = [str(trap) for trap in lint(routed).traps if trap.severity == "error"]
        missing = dict(lint(routed).missing)
        assert (group.outcome.status == 503) == bool(errors or missing), (destination, errors, missing)

"""Objects that aren't read and act on some requests alone: those are told, all others compared as ever."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed
from harness.manifests.files import read_manifests
from harness.model import changes
from tests.compare.differing import differing
from tests.compare.test_comparison import estate, service
from tests.model.clusters import ISTIO, app, resource


def envoy_filter(spec: str, name="shop/odd"):
    return resource("EnvoyFilter", name, f"{{{spec}}}", "networking.istio.io/v1alpha3")


WEB = "workloadSelector: {labels: {app: web}}, "
INBOUND = (
    "configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: REMOVE}}]"
)
AT_HOST = (
    "configPatches: [{applyTo: VIRTUAL_HOST, match: {context: SIDECAR_OUTBOUND, "
    "routeConfiguration: {vhost: {name: 'new.shop.svc.cluster.local:80'}}}, patch: {operation: REMOVE}}]"
)
NEW_LABEL = "workloadSelector: {labels: {app: none}}, "
TO_NEW = service(
    "{match: [{headers: {x-new: {exact: 'yes'}}}], route: [{destination: {host: new}}]}, {route: [{destination: {host: web}}]}"
)

# before, after, what differs and isn't decided, the targets that are named, what differs and is decided
CASES = {
    "on both sides": ([envoy_filter(WEB + INBOUND)], [envoy_filter(WEB + INBOUND)], 1, ("shop/web:80",), []),
    "that nobody meets, on both sides": ([envoy_filter(NEW_LABEL + INBOUND)], [envoy_filter(NEW_LABEL + INBOUND)], 0, (), []),
    "on one side": ([], [envoy_filter(WEB + INBOUND)], 1, ("shop/web:80",), []),
    "that nobody meets, on one side": ([], [envoy_filter(NEW_LABEL + INBOUND)], 1, (), []),
    "what else changes is told": ([envoy_filter(WEB + INBOUND), TO_NEW], [envoy_filter(WEB + INBOUND)], 1, ("shop/web:80",), [("backend",)]),
    "by a route alone": ([envoy_filter(WEB + INBOUND), TO_NEW], [envoy_filter(WEB + INBOUND), TO_NEW], 1, ("shop/web:80",), []),
    "by a Host header": ([envoy_filter(AT_HOST)], [envoy_filter(AT_HOST)], 1, ("shop/new:80",), []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "count", "named", "decided"), CASES.values(), ids=CASES)
def test_cases(before, after, count, named, decided):
    differences = compare(estate(ISTIO, *before), estate(ISTIO, *after)).differences
    undecided = [each for each in differences if each.parts == ("undecided",)]
    assert [each.target for each in undecided] == ["EnvoyFilter shop/odd"] * count
    for name in filter(None, named):
        assert name in str(undecided[0])
    assert [each.parts for each in differences if each not in undecided] == decided


def test_it_is_accepted_by_its_name():
    sides = estate(ISTIO, envoy_filter(WEB + INBOUND)), estate(ISTIO, envoy_filter(WEB + INBOUND))
    (difference,) = differing(*sides)
    assert allowed(difference, ["EnvoyFilter shop/odd"])
    assert not allowed(difference, ["EnvoyFilter shop/other"])
    assert "spec.configPatches[0]: not modelled: it changes" in str(difference)


def test_each_of_many_that_are_alike_is_told():
    """Namespaces that are the same but for names are compared once."""

    def side(*changed):
        state = estate(ISTIO)
        for name in "abcde":
            state = changes.place(state, name, [ISTIO])
            state = changes.apply(
                state, [*app(f"{name}/web", "any/web:1", 8080), *app(f"{name}/client", "any/client:1")]
            )
            state = changes.apply(state, [envoy_filter(WEB + INBOUND, f"{name}/odd"), *changed])
        return state

    told = {each.target: str(each) for each in compare(side(), side()).differences}
    assert told.keys() == {f"EnvoyFilter {name}/odd" for name in "abcde"}
    assert all(f"{name}/web:80" in told[f"EnvoyFilter {name}/odd"] for name in "abcde")


def test_it_is_told_once_where_both_sides_have_it_otherwise(tmp_path):
    """Both places are said."""

    def side(name, text):
        path = tmp_path / name
        path.write_text(text)
        return estate(ISTIO, *read_manifests(path))

    inserts = INBOUND.replace("REMOVE", "INSERT_FIRST, value: {name: it}")
    text = (
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: odd, namespace: shop}\n"
        f"spec: {{{WEB}{inserts}}}\n"
    )
    changed = "# Another.\n" + text.replace("name: it", "name: another")
    (undecided,) = differing(side("old.yaml", text), side("new.yaml", changed))
    assert "old.yaml:4:" in str(undecided)
    assert "new.yaml:5:" in str(undecided)

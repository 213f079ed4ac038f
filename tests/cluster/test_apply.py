import pytest

from harness.base.errors import StageError
from harness.base.places import Location
from harness.base.resources import Resource
from harness.cluster.api.client import ApiError
from harness.cluster.api.discovery import Discovery
from harness.cluster.api.waiting import Deadline
from harness.cluster.objects.apply import Applier
from harness.cluster.ownership.ownership import MANAGED_BY
from tests.cluster.fakes import FakeClient

INVALID = ApiError(422, "Invalid", 'ConfigMap "a" is invalid: data: Must have words')
SOON = Deadline(1)


def resource(kind="ConfigMap", name="a", namespace="shop", api_version="v1"):
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    data = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    return Resource(api_version, kind, namespace, name, data, Location(f"{name}.yaml"))


def applier(*objects, refuse=None):
    client = FakeClient(*objects, refuse=refuse)
    return client, Applier(client, Discovery(client))


def test_what_others_depend_on_comes_first_else_the_order_stays():
    client, found = applier()
    found.apply(
        [
            resource("Deployment", "web", api_version="apps/v1"),
            resource(name="z"),
            resource(name="a"),
            resource("Namespace", "shop", namespace=""),
        ],
        SOON,
    )
    assert [path for method, path in client.calls if method == "PATCH"] == [
        "/api/v1/namespaces/shop",
        "/api/v1/namespaces/shop/configmaps/z",
        "/api/v1/namespaces/shop/configmaps/a",
        "/apis/apps/v1/namespaces/shop/deployments/web",
    ]


@pytest.mark.parametrize(
    ("name", "given", "words", "why"),
    [
        ("by the API", resource(), "ConfigMap shop/a refused", 'ConfigMap "a" is invalid: data: Must have words'),
        ("no such kind", resource("Widget"), "Widget shop/a refused", 'no matches for kind "Widget" in version "v1"'),
        ("no such group", resource(api_version="x.io/v1"), "refused", 'no matches for kind "ConfigMap" in version "x.io/v1"'),
    ],
)  # fmt: skip
def test_refused(name, given, words, why):
    client, found = applier(refuse={"/api/v1/namespaces/shop/configmaps/a": INVALID})
    with pytest.raises(StageError, match=words) as caught:
        found.apply([given], SOON)
    assert (caught.value.where, caught.value.why) == ("a.yaml", why)
    assert found.refusal(given) == why
    assert client.objects == {}


def test_a_refusal_of_nothing_changes_nothing():
    client, found = applier()
    assert found.refusal(resource()) is None
    assert client.objects == {}


def test_only_own_objects_are_remembered():
    others = resource(name="b").data
    others = {**others, "metadata": {**others["metadata"], "managedFields": [{"manager": "kubectl"}]}}
    _, found = applier(others)
    found.apply([resource(name="a"), resource(name="b")], SOON)
    assert [one.name for one in found.created.values()] == ["a"]


def test_deleting_what_isnt_there_is_no_error():
    client, found = applier()
    found.apply([resource()], SOON)
    found.delete([resource(), resource(name="gone"), resource("Widget")], SOON)
    assert (client.objects, found.created) == ({}, {})


@pytest.mark.parametrize(
    ("name", "labels", "own"),
    [("new", None, True), ("its own", MANAGED_BY, True), ("someone else's", {"team": "a"}, False)],
)
def test_whose_a_namespace_is(name, labels, own):
    there = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    client, found = applier(*([there] if labels else []))
    assert found.make_namespace("shop", SOON) is own
    assert "/api/v1/namespaces/shop" in client.objects


def test_namespaces_are_deleted_with_their_pods_hurried():
    there = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    client, found = applier(there)
    found.delete_namespaces(["shop", "gone"], SOON)
    assert [call for call in client.calls if call[0] == "DELETE"] == [
        ("DELETE", "/api/v1/namespaces/shop"),
        ("DELETE", "/api/v1/namespaces/shop/pods"),
    ]

import pytest

from harness.base.errors import StageError
from harness.cluster.api.client import ApiError
from harness.cluster.api.waiting import Deadline, wait_until
from tests.cluster.fakes import FakeClient, pod

PODS = "/api/v1/namespaces/shop/pods"


class Changing(FakeClient):
    """Shows one pod in the listing, and changes in its first watch."""

    def __init__(self, *changes):
        super().__init__(pod())
        self.changes = list(changes)

    def watch(self, path, *, since, seconds, query=None):
        changes, self.changes = self.changes, []
        for kind, ready in changes:
            [(path, there)] = self.objects.items()
            changed = pod(ready=ready) | {"metadata": there["metadata"]}
            self.objects = {} if kind == "DELETED" else {path: changed}
            yield {"type": kind, "object": changed}


@pytest.mark.parametrize(
    ("name", "changes", "unmet"),
    [
        ("at once", [], lambda view: None),
        ("after a change", [("MODIFIED", False)], lambda view: "ready" if view[PODS][0]["status"]["phase"] == "Running" else None),
        ("after a deletion", [("DELETED", False)], lambda view: "there" if view[PODS] else None),
    ],
)  # fmt: skip
def test_waits_until_nothing_is_missing(name, changes, unmet):
    wait_until(Changing(*changes), "pods are so", [PODS], unmet, Deadline(5))


def test_a_timeout_tells_what_was_missing_last():
    with pytest.raises(StageError) as caught:
        wait_until(
            FakeClient(), "pods are there", [PODS], lambda view: "no pod yet", Deadline(0.05), todo="look"
        )
    assert str(caught.value) == "pods are there: not within 0 s\n  why: no pod yet\n  do:  look"


def test_a_timeout_tells_that_the_api_didnt_answer():
    class Down(FakeClient):
        def text(self, *_, **__):
            raise ApiError(0, "Unreachable", "the API server doesn't answer: refused")

    with pytest.raises(StageError) as caught:
        wait_until(Down(), "pods are there", [PODS], lambda view: None, Deadline(0.05))
    assert caught.value.why == "the API server doesn't answer: refused"


def test_hopeless_waits_end_at_once():
    def unmet(view):
        raise StageError("hopeless")

    with pytest.raises(StageError, match="hopeless"):
        wait_until(FakeClient(), "pods are there", [PODS], unmet, Deadline(60))

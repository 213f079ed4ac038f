import pytest

from harness.base.errors import MissingError, StageError
from harness.base.resources import Resource
from harness.cluster.objects.docker import Images, images_of
from tests.cluster.fakes import FakeRun

NO_SUCH = StageError("docker failed", why="Error: no such image")
NO_HOST = StageError("docker failed", why="first line\nlookup registry: no such host")


def resource(kind, spec):
    api = "apps/v1" if kind == "Deployment" else "v1"
    return Resource(api, kind, "shop", "x", {"kind": kind, "spec": spec})


POD = {"containers": [{"name": "a", "image": "a:1"}], "initContainers": [{"name": "b", "image": "b:1"}]}


@pytest.mark.parametrize(
    ("name", "resources", "images"),
    [
        ("pod", [resource("Pod", POD)], ("b:1", "a:1")),
        ("deployment", [resource("Deployment", {"template": {"spec": POD}})], ("b:1", "a:1")),
        (
            "cron job",
            [resource("CronJob", {"jobTemplate": {"spec": {"template": {"spec": POD}}}})],
            ("b:1", "a:1"),
        ),
        ("each once", [resource("Pod", POD), resource("Pod", POD)], ("b:1", "a:1")),
        ("another kind's template", [resource("Certificate", {"template": "x"})], ()),
        ("no spec", [resource("Pod", None)], ()),
    ],
)
def test_images_of_apps(name, resources, images):
    assert images_of(resources) == images


@pytest.mark.parametrize(
    ("listed", "newest"),
    [
        ("kindest/node:v1.9.0\nkindest/node:v1.34.4\nkindest/node:v1.34.10\n", "kindest/node:v1.34.10"),
        ("kindest/node:<none>\n", None),
        ("", None),
    ],
)
def test_the_newest_node_image(listed, newest):
    assert Images(FakeRun({"docker image ls": listed})).newest_node() == newest


def test_local_images_are_not_pulled():
    run = FakeRun()
    Images(run).require(["a:1", "a:1"], 10)
    assert run.ran == ["docker image inspect --format {{.Id}} a:1"]


def test_all_images_that_cant_be_had_are_named():
    run = FakeRun({"docker image inspect": NO_SUCH, "docker pull": NO_HOST})
    with pytest.raises(MissingError, match="a:1, b:1") as caught:
        Images(run).require(["a:1", "b:1"], 10)
    assert caught.value.why == "a:1: lookup registry: no such host; b:1: lookup registry: no such host"

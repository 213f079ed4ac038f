"""Faces moves from Istio to Linkerd: the pytest form of a scenario."""

SPLIT = {
    "from": "clients/curl",
    "to": "http://face.faces/center/",
    "by": {"json": "color"},
    "weights": {"#66CCEE": 50, "#228833": 50},
}
SMILEY = {"from": "faces/face", "to": "http://smiley/center/"}


def test_color_stays_split(cluster, faces, stage, expect):
    cluster.app("clients")
    configs = {"istio": "manifests/configs/faces/istio/color-split.yaml", "linkerd": {"translate": "istio"}}
    stage("istio", configs=configs, mesh={"faces": "istio", "clients": "istio"}, apply=["istio"])
    expect(split=SPLIT)

    stage("linkerd", apply=["linkerd"], mesh={"faces": "linkerd", "clients": "linkerd"}, remove=["istio"])
    expect(split=SPLIT)
    expect(mtls={"from": "faces/face", "to": "faces/smiley", "mesh": "linkerd"})


def test_a_generated_policy(faces, linkerd, stage, expect, probe):
    server = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "Server",
        "metadata": {"name": "smiley", "namespace": "faces"},
        "spec": {"podSelector": {"matchLabels": {"service": "smiley"}}, "port": "http"},
    }
    stage("open", mesh={"faces": linkerd})
    expect(allow=SMILEY)
    assert {group.outcome.status for group in probe(faces["face"], "http://smiley/center/").groups} == {200}

    stage("closed", configs={"deny": [server]}, apply=["deny"])
    expect(deny=SMILEY)

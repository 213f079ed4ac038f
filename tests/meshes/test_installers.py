"""Meshes from CLIs, charts and manifests: what is run and applied, and what is said where it can't be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from harness.base.errors import StageError
from harness.base.installation import DEFAULT, Installation, Installer
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.waiting import Deadline
from harness.meshes import charts, istio, linkerd
from harness.meshes.installers import INSTALLERS, MeshInstaller
from harness.meshes.istio import Istio
from harness.meshes.istio_tls import TLS_STATISTICS
from harness.meshes.linkerd import Linkerd
from harness.meshes.plane import analyzed, checked
from tests.cluster.fakes import FakeClient, FakeRun, deployment
from tests.meshes.test_istio import plane as istio_plane
from tests.meshes.test_linkerd import plane as linkerd_plane

REPOSITORY = Installation("1.31.0", Installer.HELM, "https://charts.example/", Path("values.yaml"))
COMMON = ["--create-namespace", "--kubeconfig", "/k"]


def argvs(releases, wanted) -> list[str]:
    return [" ".join(argv) for argv in charts.install_argvs("helm", releases, wanted, Path("/k"))]


def test_istio_from_a_repository():
    base, istiod, gateway = argvs(charts.ISTIO, REPOSITORY)
    place = "--namespace istio-system --create-namespace --kubeconfig /k --version 1.31.0"
    assert base == f"helm upgrade --install istio-base base --repo https://charts.example/ {place}"
    assert istiod.startswith(
        f"helm upgrade --install istiod istiod --repo https://charts.example/ {place} --values values.yaml --set "
    )
    assert istiod.count("proxyStatsMatcher.inclusionSuffixes[") == len(TLS_STATISTICS)
    assert gateway.endswith(
        f"{place} --set serviceAccount.name=istio-ingressgateway-service-account --set imagePullPolicy=IfNotPresent"
    )


@pytest.mark.parametrize(
    ("name", "source", "made", "chart"),
    [
        ("a repository's name", "istio", (), "istio/istiod"),
        ("a registry", "oci://charts.example/istio/", (), "oci://charts.example/istio/istiod"),
        ("a folder", "", ("istiod",), "istiod"),
        ("a folder of a release", "", ("istio-control/istio-discovery",), "istio-control/istio-discovery"),
    ],
)
def test_where_charts_are(tmp_path, name, source, made, chart):
    for folder in made:
        (tmp_path / folder).mkdir(parents=True)
    wanted = Installation("1.31.0", Installer.HELM, source or str(tmp_path))
    [_, istiod, _] = charts.install_argvs("helm", charts.ISTIO, wanted, Path("/k"))
    assert istiod[4] == (str(tmp_path / chart) if made else chart)
    assert ("--version" in istiod) is not bool(made), "a folder holds one version"


def test_linkerd_from_charts():
    crds, control = argvs(charts.LINKERD, REPOSITORY)
    assert crds.endswith("--version 1.31.0 --set installGatewayAPI=false")
    assert control.endswith("--version 1.31.0 --values values.yaml")


def test_what_helm_installed_helm_takes_away():
    there = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    client, run = FakeClient(there), FakeRun()
    istio_plane(client, run).uninstall(Deadline(5), REPOSITORY)
    assert [line.split()[:3] for line in run.ran] == [
        ["helm", "uninstall", name] for name in ("istio-ingressgateway", "istiod", "istio-base")
    ]
    assert client.objects == {}


MANIFESTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: linkerd-config, namespace: linkerd}
---
apiVersion: v1
kind: Namespace
metadata: {name: linkerd}
"""


def test_from_rendered_manifests(tmp_path):
    (tmp_path / "linkerd.yaml").write_text(MANIFESTS)
    wanted = Installation("", Installer.MANIFESTS, str(tmp_path / "linkerd.yaml"))
    client, run = FakeClient(), FakeRun()
    plane = linkerd_plane(client, run)
    plane.install(Deadline(5), wanted)
    assert list(client.objects) == [
        "/api/v1/namespaces/linkerd",
        "/api/v1/namespaces/linkerd/configmaps/linkerd-config",
    ]
    plane.uninstall(Deadline(5), wanted)
    assert (client.objects, run.ran) == ({}, [])


def test_a_cli_s_values(tmp_path):
    values, run = tmp_path / "values.yaml", FakeRun()
    values.write_text("")
    linkerd_plane(FakeClient(), run).install(Deadline(5), Installation(values=values))
    assert run.ran[1] == f"linkerd install --values {values} --kubeconfig /k"
    istio_plane(FakeClient(), run).install(Deadline(5), Installation(values=values))
    assert f"-f {values}" in run.ran[-1]


HELM = Installation(installer=Installer.HELM, source="istio")
VERSIONS = {
    "istioctl version": json.dumps({"clientVersion": {"version": "1.30.2"}}),
    "linkerd version": "edge-26.7.1\n",
}
LACKING = {
    "istioctl of another version": (Istio, Installation("1.31"), "istioctl is of version 1.30.2, and 1.31 is asked for"),
    "istioctl of this version": (Istio, Installation("1.30"), None),
    "linkerd of another version": (Linkerd, Installation("edge-26.8.3"), "linkerd is of version edge-26.7.1, and edge-26.8.3"),
    "linkerd of any version": (Linkerd, DEFAULT, None),
    "no manifests": (Istio, Installation(installer=Installer.MANIFESTS, source="/no/such"), "there are no manifests /no/such"),
    "charts of Linkerd without its certificates": (Linkerd, HELM, "identityTrustAnchorsPEM"),
    "charts": (Istio, HELM, None),
}  # fmt: skip


@pytest.mark.parametrize(("mesh", "wanted", "words"), LACKING.values(), ids=LACKING)
def test_lacking(monkeypatch, mesh, wanted, words):
    from harness.meshes import plane

    monkeypatch.setattr(plane, "find", lambda tool: Path(f"/bin/{tool}"))
    run = FakeRun(VERSIONS)
    reason = mesh.missing(ClusterSettings(), wanted, run)
    assert reason is None if words is None else words in reason


def test_charts_need_helm():
    assert "no-such-helm isn't on PATH" in Istio.missing(ClusterSettings(helm="no-such-helm"), HELM)


def containers(name: str, namespace: str, **images: str):
    made = deployment(name, namespace=namespace)
    made["spec"]["template"] = {
        "spec": {"containers": [{"name": key, "image": image} for key, image in images.items()]}
    }
    return made


@pytest.mark.parametrize(
    ("plane", "there", "version"),
    [
        (
            istio_plane,
            containers("istiod", "istio-system", discovery="docker.io/istio/pilot:1.31.0"),
            "1.31.0",
        ),
        (istio_plane, containers("istiod", "istio-system", discovery="host:5000/istio/pilot@sha256:00"), ""),
        (
            linkerd_plane,
            containers(
                "linkerd-destination", "linkerd", proxy="a:1", destination="cr/controller:edge-26.8.3"
            ),
            "edge-26.8.3",
        ),
    ],
)
def test_the_version_that_is_there(plane, there, version):
    assert plane(FakeClient(there)).version() == version
    assert plane(FakeClient()).version() == ""


# -- health


def finding(code: str, origin: str, level: str = "Error") -> dict[str, str]:
    return {"code": code, "origin": origin, "level": level, "message": "it is wrong"}


FOUND = [
    finding("IST0101", "VirtualService shop/a"),
    finding("IST0102", "Namespace shop", "Info"),
    finding("IST0103", "Pod other/b", "Error"),
    finding("IST0104", "Namespace other"),
    finding("IST0105", "Gateway istio-system/g"),
    finding("IST0106", "MeshConfig istio"),
]


@pytest.mark.parametrize(
    ("accepted", "codes"),
    [((), ["IST0101", "IST0105", "IST0106"]), (("IST0101", "IST0106"), ["IST0105"])],
)
def test_what_istioctl_analyze_finds_in_the_scenario_s_namespaces(accepted, codes):
    found = analyzed(json.dumps(FOUND), {"shop", "istio-system"}, accepted)
    assert [line.split()[0] for line in found] == codes
    assert found == [line for line in found if line.endswith(": it is wrong")]


CHECKED = {
    "success": False,
    "categories": [
        {
            "categoryName": "linkerd-version",
            "checks": [{"description": "cli is up-to-date", "result": "warning", "error": "no idea"}],
        },
        {
            "categoryName": "linkerd-identity",
            "checks": [
                {"description": "certificate is valid", "result": "success"},
                {"description": "anchors match", "result": "error", "error": "expired", "hint": "https://x/"},
            ],
        },
    ],
}


def test_what_linkerd_check_finds():
    assert checked(json.dumps(CHECKED)) == ["linkerd-identity: anchors match: expired (see https://x/)"]


@pytest.mark.parametrize("text", ["", "connection refused"])
def test_a_check_that_doesn_t_answer(text):
    with pytest.raises(StageError, match="istioctl analyze gave no answer"):
        analyzed(text, (), ())


def test_the_tools_are_asked(monkeypatch):
    for module in (istio, linkerd):
        monkeypatch.setattr(module, "find", lambda tool: Path(f"/bin/{tool}"))
    run = FakeRun({"istioctl analyze": json.dumps(FOUND), "linkerd check": json.dumps(CHECKED)})
    assert len(istio_plane(FakeClient(), run).faults({"shop"}, (), Deadline(5))) == 3
    assert len(linkerd_plane(FakeClient(), run).faults({"shop"}, (), Deadline(5))) == 1
    assert run.ran[0].startswith("istioctl analyze --all-namespaces --output json --kubeconfig /k")
    assert run.ran[1].startswith("linkerd check --proxy --output json --wait 5s")


def test_without_the_tools_there_is_a_word_in_the_log(monkeypatch, caplog):
    for module in (istio, linkerd):
        monkeypatch.setattr(module, "find", lambda tool: None)
    caplog.set_level("INFO")
    assert istio_plane(FakeClient()).faults((), (), Deadline(5)) == []
    assert linkerd_plane(FakeClient()).faults((), (), Deadline(5)) == []
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Istio's configuration isn't analyzed", "Linkerd isn't checked",
    ]  # fmt: skip


class Operator(MeshInstaller):
    """Notes what it is to do."""

    kind = "operator"
    done: ClassVar[list[str]] = []

    def lacking(self, mesh, wanted):
        return None if wanted.version else f"say which version of {mesh}"

    def install(self, mesh, wanted, kubeconfig, seconds):
        self.done.append(f"install {mesh} {wanted.version} with {kubeconfig}")

    def uninstall(self, mesh, wanted, kubeconfig, seconds):
        self.done.append(f"uninstall {mesh}")


def test_an_installer_of_another_package(monkeypatch):
    monkeypatch.setitem(INSTALLERS.own, "operator", Operator)
    wanted = Installation("edge-26.8.3", Installer.EXTENSION, "operator")
    client = FakeClient()
    plane = linkerd_plane(client, FakeRun())
    assert plane.lacking(replace(wanted, version="")) == "say which version of linkerd"
    plane.install(Deadline(5), wanted)
    plane.uninstall(Deadline(5), wanted)
    assert Operator.done == ["install linkerd edge-26.8.3 with /k", "uninstall linkerd"]

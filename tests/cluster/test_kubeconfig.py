from __future__ import annotations

import os

import pytest
import yaml

from harness.base.errors import HarnessError, InputError, MissingError
from harness.cluster.api import kubeconfig
from harness.cluster.api.client import Client
from harness.cluster.api.kubeconfig import IN_CLUSTER, extract

CONFIG = """
apiVersion: v1
kind: Config
current-context: live
contexts:
- {name: live, context: {cluster: live, user: me}}
- {name: test, context: {cluster: test, user: me, namespace: x}}
- {name: broken, context: {cluster: nosuch, user: me}}
clusters:
- {name: live, cluster: {server: 'https://live'}}
- {name: test, cluster: {server: 'https://test', certificate-authority: pki/ca.crt}}
users:
- {name: me, user: {client-certificate: /abs/me.crt, client-key: me.key}}
- {name: other, user: {token: secret}}
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config"
    file.write_text(CONFIG)
    return file


def test_one_context_is_copied_and_nothing_else(config):
    found = yaml.safe_load(extract("test", config))
    assert found == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": "x"}}],
        "clusters": [
            {
                "name": "test",
                "cluster": {
                    "server": "https://test",
                    "certificate-authority": str(config.parent / "pki/ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": "me",
                "user": {"client-certificate": "/abs/me.crt", "client-key": str(config.parent / "me.key")},
            }
        ],
    }


def test_it_is_looked_for_where_kubectl_looks(config, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "nosuch"), str(config)]))
    assert "https://live" in extract("live")


@pytest.mark.parametrize(
    ("context", "error", "words"),
    [
        ("", InputError, "no context is named"),
        ("lvie", MissingError, "did you mean live"),
        ("broken", InputError, "names a cluster that isn't there: 'nosuch'"),
    ],
)
def test_what_cant_be_used_is_told(config, context, error, words):
    with pytest.raises(error) as caught:
        extract(context, config)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["[1", "just text", None])
def test_files_that_are_no_kubeconfigs(tmp_path, text):
    file = tmp_path / "config"
    if text:
        file.write_text(text)
    with pytest.raises(HarnessError, match=str(file)):
        extract("live", file)


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A pod's environment, with the files of its service account."""
    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca.crt").write_text("")
    monkeypatch.setattr(kubeconfig, "_SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return tmp_path


def test_a_pod_reaches_its_own_cluster(pod):
    config = yaml.safe_load(extract(IN_CLUSTER))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://[fd00::1]:443",
        "certificate-authority": str(pod / "ca.crt"),
    }
    assert config["users"][0]["user"] == {"tokenFile": str(pod / "token")}


def test_a_client_bears_the_pods_token(pod):
    client = Client(None, IN_CLUSTER)
    assert client._url("/version", None) == "https://[fd00::1]:443/version"
    assert client._auth() == {"authorization": "Bearer secret"}


@pytest.mark.parametrize("make", [extract, lambda name: Client(None, name)], ids=["extract", "a client"])
def test_outside_of_a_pod_there_is_no_such_cluster(tmp_path, monkeypatch, make):
    monkeypatch.setattr(kubeconfig, "_SERVICE_ACCOUNT", tmp_path)
    with pytest.raises(MissingError, match="this isn't a pod with a service account"):
        make(IN_CLUSTER)

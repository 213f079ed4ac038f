"""The manifests that run the harness inside of a cluster: whole, and with the rights that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.base.settings import KNOBS
from harness.cluster.objects import snapshot

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS = [each for path in FILES for each in yaml.safe_load_all(path.read_text())]
ROLES = {each["metadata"]["name"]: each["rules"] for each in OBJECTS if each["kind"] == "ClusterRole"}
ACCOUNT = {
    "kind": "ServiceAccount",
    "name": "mesh-migration-harness",
    "namespace": "mesh-migration-harness",
}


def allowed(role: str, verb: str, group: str, resource: str) -> bool:
    return any(
        verb in rule["verbs"]
        and group in rule["apiGroups"]
        and ("*" in rule["resources"] or resource in rule["resources"])
        for rule in ROLES[f"mesh-migration-harness-{role}"]
    )


def test_each_file_is_part_of_a_kustomization_or_says_why_not():
    listed = {
        (path.parent / name).resolve()
        for path in FOLDER.rglob("kustomization.yaml")
        for name in yaml.safe_load(path.read_text())["resources"]
    }
    assert set(FILES) - listed == {FOLDER / "access" / "probes.yaml"}
    assert all(path.exists() for path in listed)


def test_each_role_is_bound_to_the_one_account():
    bindings = [each for each in OBJECTS if each["kind"].endswith("Binding")]
    assert {each["roleRef"]["name"] for each in bindings} == set(ROLES)
    assert all(each["subjects"] == [ACCOUNT] for each in bindings)


@pytest.mark.parametrize("endpoint", snapshot._CORE, ids=lambda endpoint: endpoint.plural)
def test_what_the_model_is_made_of_may_be_read(endpoint):
    role = "settings" if endpoint.plural == "configmaps" else "reading"
    group = endpoint.api_version.rpartition("/")[0]
    assert allowed(role, "list", group, endpoint.plural)


def test_nothing_lets_the_account_have_more_rights_or_read_secrets():
    rules = [rule for name in ROLES for rule in ROLES[name]]
    everything = [rule for rule in rules if "*" in rule["verbs"] or "*" in rule["apiGroups"]]
    core = {resource for rule in rules if "" in rule["apiGroups"] for resource in rule["resources"]}
    assert not everything
    assert not core & {"*", "secrets"}
    groups = {group: rule["verbs"] for rule in rules for group in rule["apiGroups"]}
    assert "rbac.authorization.k8s.io" not in groups
    assert groups["apiextensions.k8s.io"] == ["get", "list"]


def test_pods_run_without_any_privilege():
    [cron_job] = [each for each in OBJECTS if each["kind"] == "CronJob"]
    job = cron_job["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    [container] = pod["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert int(environment["SHARDS"]) == job["completions"] == job["parallelism"]
    variables = {knob.variable for knob in KNOBS}
    assert {name for name in environment if name.startswith("HARNESS_")} <= variables

"""Which objects a side of a comparison has: what it lists, and what of the other is taken to stay."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from harness.cli import app
from tests.shop import APP

if TYPE_CHECKING:
    from pathlib import Path

SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\n"
WEB, SERVICE = (f"{document}---\n" for document in APP.replace("NAME", "web").split("---\n")[:2])
SHUT = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shut, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
"""
RULE = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec: {rules: [{to: [{operation: {paths: [/*]}}]}]}
---
"""
ALL = SPACE + WEB + SERVICE + RULE
STAYS = "taken to be on the second side, too, as it repeats none of them: "

# name: (before, after, whether they differ, what stays)
SIDES = {
    "configuration alone": (ALL + SHUT, RULE, False, "1 Deployment, 1 Namespace, 1 NetworkPolicy, 1 Service"),
    "a policy that is gone": (ALL + SHUT, ALL, True, ""),
    "a Service that is gone": (ALL, SPACE + WEB + RULE, True, ""),
    "the same": (ALL, ALL, False, ""),
}


@pytest.mark.parametrize(("before", "after", "differ", "stays"), SIDES.values(), ids=SIDES)
def test_what_isnt_listed(tmp_path: Path, before: str, after: str, differ: bool, stays: str):
    for name, text in (("before", before), ("after", after)):
        (tmp_path / f"{name}.yaml").write_text(text)
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml")])
    assert result.exit_code == differ, result.stdout
    assert (f"{STAYS}{stays}\n" if stays else "") == result.stderr


def test_what_a_commit_takes_away_is_gone(tmp_path: Path):
    """Also where the files that are named repeat nothing of the estate."""

    def git(*words: str):
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "apps.yaml").write_text(ALL)
    policy = tmp_path / "policy.yaml"
    policy.write_text(SHUT)
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a")
    policy.write_text("")
    arguments = ["compare", "--git", "HEAD", str(policy), "--with", str(tmp_path / "apps.yaml")]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stderr) == (1, ""), result.stdout
    assert "opened: " in result.stdout

"""The GitHub Action: each of its steps run here, with what it would call outside of this machine recorded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
SCRIPTS = ROOT / ".github" / "action"
STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step]

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, sidecar.istio.io/inject: "true"}}
    spec: {containers: [{name: web, image: web:1, ports: [{containerPort: 80}]}]}
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{timeout: %s, route: [{destination: {host: web}}]}]}
"""


def script(name):
    """The step that runs a script."""
    return next(step for step in STEPS if f"/{name}.sh" in step["run"])


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Runs a script as GitHub's runner does, with stand-ins for commands; returns status, output, calls."""
    work, tools = tmp_path / "work", tmp_path / "tools"
    for folder in (work, tools, tmp_path / "temp", tmp_path / "home", tmp_path / "report"):
        folder.mkdir()
    calls = tmp_path / "calls"

    def stand_in(name, body=":"):
        tool = tools / name
        tool.write_text(f'#!/bin/bash\necho {name} "$@" >>"{calls}"\n{body}\n')
        tool.chmod(0o755)

    def run(name, **inputs):
        python = Path(sys.executable).parent
        environment = {
            "PATH": f"{tools}:{python}:{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_REPOSITORY": "acme/shop",
            "PYTHONPATH": str(ROOT),
            **{key: str(tmp_path / key) for key in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")},
            **dict.fromkeys(script(name)["env"], ""),
            "REPORT": str(tmp_path / "report"),
            **inputs,
        }
        ended = subprocess.run(
            [SCRIPTS / f"{name}.sh"], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        made = calls.read_text().splitlines() if calls.exists() else []
        return ended.returncode, ended.stdout + ended.stderr, made

    run.work, run.path, run.stand_in = work, tmp_path, stand_in
    return run


def test_each_input_is_used_and_each_that_is_used_is_declared():
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text().partition("runs:")[2]))
    assert used == set(ACTION["inputs"])
    assert all(each["description"] for each in ACTION["inputs"].values())


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.stem)
def test_a_script_reads_what_its_step_gives_it(path):
    text = path.read_text()
    given = set(script(path.stem)["env"])
    assert os.access(path, os.X_OK)
    assert {name for name in given if not name.startswith(("HARNESS_", "GH_"))} <= set(
        re.findall(r"\$\{?([A-Z_]+)", text)
    )


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="there is no shellcheck on PATH")
def test_the_scripts_pass_shellcheck():
    subprocess.run(
        ["shellcheck", *SCRIPTS.glob("*.sh"), ROOT / "deploy/image/tools.sh", ROOT / ".ci/run"], check=True
    )


@pytest.mark.skipif(not shutil.which("actionlint"), reason="there is no actionlint on PATH")
def test_the_workflows_pass_actionlint():
    subprocess.run(["actionlint"], check=True, cwd=ROOT)


def test_the_model_needs_the_package_alone(runner):
    runner.stand_in("pip")
    status, output, calls = runner("setup", PROVIDER="model", ISTIO_VERSION="1.31.0")
    assert status == 0, output
    assert calls == [f"pip install --quiet {ROOT}"]
    assert (runner.path / "GITHUB_OUTPUT").read_text().startswith("report=")


SUM = "c0ffee"


def test_tools_come_in_their_versions_with_their_sums_checked(runner):
    runner.stand_in("pip")
    runner.stand_in("docker")
    runner.stand_in(
        "curl", 'while [ "$1" != -o ] && [ $# -gt 1 ]; do shift; done; echo tool >"${2:-/dev/stdout}"'
    )
    runner.stand_in("sha256sum", "cat >/dev/null")
    inputs = {
        "PROVIDER": "kind",
        "KIND_VERSION": "v0.30.0",
        "LINKERD_VERSION": "edge-26.8.3",
        "IMAGES": "a/b:1",
    }
    status, output, calls = runner("setup", **inputs)
    assert status == 0, output
    text = "\n".join(calls)
    assert re.search(r"kubernetes-sigs/kind/releases/download/v0\.30\.0/kind-linux-\w+$", text, re.MULTILINE)
    assert re.search(r"edge-26\.8\.3/linkerd2-cli-edge-26\.8\.3-linux-\w+\.sha256$", text, re.MULTILINE)
    assert "istioctl" not in text
    assert "docker pull --quiet a/b:1" in calls
    again = runner("setup", **inputs)[2][len(calls) :]
    assert not [call for call in again if call.startswith("curl")]


def test_a_tool_with_another_sum_isnt_installed(runner):
    runner.stand_in("pip")
    runner.stand_in(
        "curl", 'while [ "$1" != -o ] && [ $# -gt 1 ]; do shift; done; echo tool >"${2:-/dev/stdout}"'
    )
    status, output, _ = runner("setup", PROVIDER="kind", KIND_VERSION="v0.30.0")
    assert status == 1
    assert "isn't what its published sum says" in output
    assert "::error::a tool couldn't be fetched" in output
    assert not list((runner.path / "home").rglob("kind"))


def test_scenarios_run_with_the_settings_that_are_given(runner):
    runner.stand_in("harness")
    runner.stand_in("pytest", 'env | grep ^HARNESS_ >>"$REPORT/environment"; exit 1')
    status, output, calls = runner(
        "scenarios", SCENARIOS="scenarios more", ARGUMENTS="-k 'a or b'", HARNESS_PROVIDER="model"
    )
    assert status == 1, output
    report = runner.path / "report"
    assert calls == [
        f"pytest scenarios more --junitxml={report}/junit.xml --harness-report={report}/report.html"
        f" --harness-report-json={report}/report.json -k a or b"
    ]
    settings = (report / "environment").read_text().split()
    assert sorted(settings) == [f"HARNESS_BUNDLE={report}/clusters", "HARNESS_PROVIDER=model"]


@pytest.fixture
def change(runner):
    """A repository whose last commit changed a time limit; returns the commit before it."""

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=runner.work, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    (runner.work / "apps.yaml").write_text(SERVICE)
    (runner.work / "route.yaml").write_text(ROUTE % "3s")
    git("add", ".")
    git("commit", "--quiet", "-m", "before")
    (runner.work / "route.yaml").write_text(ROUTE % "5s")
    return git("rev-parse", "HEAD")


def review(runner, base="HEAD", **inputs):
    return runner("review", COMPARE="route.yaml", WITH="apps.yaml", BASE=base, NUMBER="7", **inputs)


def test_a_review_says_what_the_change_does(runner, change):
    runner.stand_in("gh")
    status, output, calls = review(runner, change)
    assert status == 0, output
    assert any("--method POST repos/acme/shop/issues/7/comments" in call for call in calls)
    comment = (runner.path / "report" / "review.md").read_text()
    assert comment.startswith("<!-- mesh-migration-harness")
    assert "3 s" in comment
    assert "5 s" in comment
    assert (runner.path / "GITHUB_STEP_SUMMARY").read_text() in comment


@pytest.mark.parametrize(
    ("compared", "comments", "fails", "status", "expected"),
    [
        (0, "", "false", 0, "gh api --silent --method POST repos/acme/shop/issues/7/comments"),
        (1, "42\n43", "false", 0, "gh api --silent --method PATCH repos/acme/shop/issues/comments/42"),
        (1, "", "true", 1, "::error::the change makes a difference"),
        (2, "", "false", 2, "::error::the configuration couldn't be compared"),
        (None, "", "false", 2, "::error::the configuration couldn't be compared"),
        (0, None, "false", 0, "::warning::the comment couldn't be written"),
    ],
    ids=[
        "first",
        "again",
        "a difference fails",
        "an error always fails",
        "a crash is an error",
        "from a fork",
    ],
)
def test_a_review_has_one_comment(runner, change, compared, comments, fails, status, expected):
    runner.stand_in("harness", "exit 1" if compared is None else f"echo compared; exit {compared}")
    runner.stand_in("gh", "exit 1" if comments is None else f'[[ $* != *--paginate* ]] || echo "{comments}"')
    ended, output, calls = review(runner, change, FAIL_ON_DIFFERENCE=fails)
    assert ended == status
    assert expected in "\n".join((output, *calls))

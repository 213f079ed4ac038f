"""The program as a process: its signals, and what can't be written or read."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-c", "from harness.command import main; main()")

DURING_IMPORT = """
import builtins, os, signal
from harness.command import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
import_ = builtins.__import__

def signalled(number):
    def late(name, *rest):
        if name == "harness.cli":
            os.kill(os.getpid(), number)
        return import_(name, *rest)
    builtins.__import__ = late
    main()
"""

NAMED = "apiVersion: v1\nkind: Service\nmetadata: {{name: {}, namespace: {}}}\nspec: {{}}\n"


def test_a_full_disk_is_told_in_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            (*PROGRAM, "schema"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_a_broken_pipe_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run((*PROGRAM, "schema"), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")]
)
def test_a_signal_ends_it_with_one_line(number: signal.Signals, words: str):
    program = (sys.executable, "-c", f"{DURING_IMPORT}\nsignalled({int(number)})")
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, f"{words}\n")


@pytest.mark.parametrize("command", ["lint", "discover", "translate"])
@pytest.mark.parametrize(
    ("name", "namespace", "words"),
    [
        (r'"a\nb"', "shop", "a name that no cluster takes"),
        (r'"a\eb"', "shop", "a name that no cluster takes"),
        ("a/b", "shop", "a name that no cluster takes"),
        ("..", "shop", "a name that no cluster takes"),
        ("a", "../..", "a namespace that no cluster takes"),
        ("a", r'"x\n::error::y"', "a namespace that no cluster takes"),
        ("a" * 254, "shop", "it is too long"),
    ],
)
def test_names_that_no_cluster_takes_are_refused(command, name, namespace, words, tmp_path: Path):
    file = tmp_path / "x.yaml"
    file.write_text(NAMED.format(name, namespace))
    done = CliRunner().invoke(app, (command, str(file)))
    assert done.exit_code == 2
    assert words in done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f]|^::", done.output, re.MULTILINE)


def test_devices_and_pipes_are_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in ("/dev/zero", str(tmp_path / "pipe.yaml")):
        done = CliRunner().invoke(app, ("lint", path))
        assert done.exit_code == 2
        assert "not a file" in done.stderr


def test_an_endless_pipe_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("harness.manifests.files.MAX_BYTES", 1_000)
    done = CliRunner().invoke(app, ("lint", "-"), input="#" * 2_000)
    assert done.exit_code == 2
    assert "more than the 1,000" in done.stderr


SCENARIO = """
name: x
apps: [./app.yaml]
stages:
- name: {name}
  expect:
  - split: {{from: shop/web, to: "http://web.shop/", weights: {{{key}: 1}}}}
"""

SECRET = """
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: tls, namespace: shop, annotations: {{mesh-migration-harness/self-signed: {host}}}}}
"""


@pytest.mark.parametrize(
    ("name", "key", "host", "words"),
    [
        ("a", '"spiffe://"', "a.example", "isn't a workload"),
        (r'"a\eb"', "web", "a.example", "text in one line"),
        (r'"a\u2028b"', "web", "a.example", "text in one line"),
        ("a", "web", "ü.example", "isn't a host that a certificate can be for"),
        ("a", "web", "a" * 65, "isn't a host that a certificate can be for"),
    ],
)
def test_check_has_an_error_for_what_it_cannot_take(name, key, host, words, tmp_path: Path):
    (tmp_path / "app.yaml").write_text(SECRET.format(host=host))
    (tmp_path / "x.yaml").write_text(SCENARIO.format(name=name, key=key))
    done = CliRunner().invoke(app, ("check", str(tmp_path / "x.yaml")))
    assert done.exit_code == 1
    assert words in done.stderr


def test_commands_write_by_one_function():
    """What goes round it would show a terminal the control characters of names."""
    writing = re.compile(r"typer\.s?echo\(|(?<![.\w])print\(|sys\.std(out|err)\.write")
    sources = (ROOT / "harness").rglob("*.py")
    wrong = [str(path) for path in sources if writing.search(path.read_text(encoding="utf-8"))]
    assert [path for path in wrong if not path.endswith("report/lint.py")] == []

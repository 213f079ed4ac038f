"""The architecture is a contract: docs/architecture.md tells it, `[tool.importlinter]` in pyproject.toml has it."""

import ast
import logging.config
from functools import cache
from pathlib import Path

import grimp
from importlinter.cli import lint_imports

import harness

LARGEST_CIRCLE = 10

ROOT = Path(harness.__file__).parent

OF_A_MESH = ("model/istio/", "model/linkerd/", "meshes/")
"""Packages that are about one mesh, or about each of them in a module of its own."""

MESHES_TOLD_APART = {
    "analysis/compare/configurations.py": (1, "translations put Linkerd's proxy beside Istio's gateways"),
    "analysis/discover/migration.py": (1, "what is Linkerd's already doesn't move"),
    "analysis/lint/rules/authorization.py": (1, "a rule about policies in Istio's root namespace"),
    "analysis/lint/rules/istio/destination_rule.py": (1, "a rule about clients of Istio's mutual TLS"),
    "analysis/lint/rules/istio/service.py": (1, "a rule about what Istio's proxies listen for"),
    "analysis/lint/rules/istio/virtual_service.py": (1, "a rule about who reads VirtualServices"),
    "analysis/lint/rules/linkerd.py": (1, "a rule about Linkerd's Servers"),
    "analysis/lint/rules/mutual_tls.py": (3, "a rule about Istio's STRICT"),
    "api/marks.py": (2, "each mesh has labels and annotations of its own"),
    "cli/translate.py": (1, "translations lead to Linkerd alone"),
    "cluster/probing/wire.py": (1, "Istio's proxy image brings openssl"),
    "ground/choice.py": (1, "istioctl's file of settings has an option of its own name"),
    "suggest/sources.py": (1, "a suggested scenario leads from Istio"),
    "suggest/stages.py": (1, "a suggested scenario leads from Istio"),
}
"""Modules that ask which mesh something is, how often, and why they don't ask a data plane instead."""


@cache
def graph():
    """All imports between modules, those for types alone included."""
    return grimp.build_graph("harness", cache_dir=None)


def test_layers_hold(capsys, monkeypatch):
    # import-linter's would take the loggers of all tests after this one.
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)
    assert lint_imports(cache_dir=None) == 0, capsys.readouterr().out


def test_circles_are_small():
    circles = {
        module: (graph().find_downstream_modules(module) & graph().find_upstream_modules(module)) | {module}
        for module in graph().modules
    }
    largest = max(circles.values(), key=len)
    assert len(largest) <= LARGEST_CIRCLE, sorted(largest)


def test_meshes_are_told_apart_by_their_planes():
    counted = {path: number for path, number in comparisons() if not path.startswith(OF_A_MESH)}
    assert counted == {path: number for path, (number, _) in MESHES_TOLD_APART.items()}


def comparisons():
    """How often each module compares something with one of the meshes."""
    for file in sorted(ROOT.rglob("*.py")):
        number = sum(map(tells_meshes_apart, ast.walk(ast.parse(file.read_text()))))
        if number:
            yield file.relative_to(ROOT).as_posix(), number


def tells_meshes_apart(node):
    if isinstance(node, ast.MatchValue):
        return names_a_mesh(node.value)
    if not isinstance(node, ast.Compare) or isinstance(node.ops[0], ast.In | ast.NotIn):
        return False
    return any(map(names_a_mesh, (node.left, *node.comparators)))


def names_a_mesh(node):
    return any(
        isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "Mesh"
        for part in ast.walk(node)
    )

"""The architecture is a contract: docs/architecture.md tells it, `[tool.importlinter]` in pyproject.toml has it."""

from functools import cache

import grimp
from importlinter.cli import lint_imports

LARGEST_CIRCLE = 10


@cache
def graph():
    """All imports between modules, those for types alone included."""
    return grimp.build_graph("harness", cache_dir=None)


def test_layers_hold(capsys):
    assert lint_imports(cache_dir=None) == 0, capsys.readouterr().out


def test_circles_are_small():
    circles = {
        module: (graph().find_downstream_modules(module) & graph().find_upstream_modules(module)) | {module}
        for module in graph().modules
    }
    largest = max(circles.values(), key=len)
    assert len(largest) <= LARGEST_CIRCLE, sorted(largest)

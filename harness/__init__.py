"""An end-to-end test harness for service meshes in migration.

`__all__` is the public API: what it names stays as it is within a major version, and what shall go is
deprecated for a minor version before. All else may change at any time. A name is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers, which look for "import X as X"
    from harness.analysis.compare import Comparison as Comparison
    from harness.analysis.compare import compare as compare
    from harness.analysis.discover import Discovery as Discovery
    from harness.analysis.discover import discover as discover
    from harness.analysis.lint import Severity as Severity
    from harness.analysis.lint import lint as lint
    from harness.analysis.lint.rule import Rule as Rule
    from harness.analysis.lint.rule import RuleCheck as RuleCheck
    from harness.analysis.lint.rule import Sign as Sign
    from harness.analysis.lint.rule import seen as seen
    from harness.analysis.translate import Translation as Translation
    from harness.analysis.translate import translate as translate
    from harness.base import HarnessError as HarnessError
    from harness.base import InputError as InputError
    from harness.base import Installation as Installation
    from harness.base import Mesh as Mesh
    from harness.base import MissingError as MissingError
    from harness.base import ObjectName as ObjectName
    from harness.base import Resource as Resource
    from harness.base import StageError as StageError
    from harness.base import Workload as Workload
    from harness.expectations import Expectation as Expectation
    from harness.expectations import Ground as Ground
    from harness.expectations import Result as Result
    from harness.expectations import Verdict as Verdict
    from harness.expectations.base import Probing as Probing
    from harness.manifests.files import read_manifests as read_manifests
    from harness.manifests.patching import Patch as Patch
    from harness.meshes.installers import MeshInstaller as MeshInstaller
    from harness.model import Answer as Answer
    from harness.model import Decision as Decision
    from harness.model import Model as Model
    from harness.model import State as State
    from harness.scenario import Scenario as Scenario
    from harness.scenario import load_scenario as load_scenario
    from harness.scenario.steps import Site as Site
    from harness.scenario.steps import WrittenStep as WrittenStep
    from harness.traffic.outcomes import Outcome as Outcome
    from harness.traffic.outcomes import Outcomes as Outcomes
    from harness.traffic.request import Request as Request

__version__ = "0.1.0"

_PUBLIC = {
    "analysis.compare": ("Comparison", "compare"),
    "analysis.discover": ("Discovery", "discover"),
    "analysis.lint": ("Severity", "lint"),
    "analysis.lint.rule": ("Rule", "RuleCheck", "Sign", "seen"),
    "analysis.translate": ("Translation", "translate"),
    "base": (
        "HarnessError", "InputError", "Installation", "Mesh", "MissingError", "ObjectName", "Resource",
        "StageError", "Workload",
    ),
    "expectations": ("Expectation", "Ground", "Result", "Verdict"),
    "expectations.base": ("Probing",),
    "manifests.files": ("read_manifests",),
    "manifests.patching": ("Patch",),
    "meshes.installers": ("MeshInstaller",),
    "model": ("Answer", "Decision", "Model", "State"),
    "scenario": ("Scenario", "load_scenario"),
    "scenario.steps": ("Site", "WrittenStep"),
    "traffic.outcomes": ("Outcome", "Outcomes"),
    "traffic.request": ("Request",),
}  # fmt: skip
_MODULES = {name: f"harness.{module}" for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

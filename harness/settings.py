"""Every knob, in one place; each can be set by a pytest option or by the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Confidence:
    """How sure a verdict on a sample is.

    `false_fail`: the probability at most of failing what holds. `false_pass`: the probability
    at most of passing what is off by `deviation` (a share) or more. `first` and `most` are the
    requests of the first and of all looks at a growing sample.
    """

    false_fail: float = 1e-6
    false_pass: float = 1e-3
    deviation: float = 0.05
    first: int = 200
    most: int = 12_800
    settle: float = 30.0
    """Seconds that an expectation may take to show its effect before the sample that counts."""


@dataclass(frozen=True)
class Knob:
    """A setting by its name: option `--name`, environment `HARNESS_NAME`, ini key `harness_name`.

    The option wins over the environment, the environment over the file. A `flag` is on or off;
    `many` options may be given several times (in the environment and in files: separated by spaces).
    """

    name: str
    help: str
    default: str = ""
    flag: bool = False
    many: bool = False

    @property
    def option(self) -> str:
        """The command-line option."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"HARNESS_{self.name.replace('-', '_').upper()}"

    @property
    def ini(self) -> str:
        """The key in pytest's configuration file, and the option's destination."""
        return f"harness_{self.name.replace('-', '_')}"


KNOBS = (
    Knob("provider", "where scenarios run: model (default; in process) or kind (real clusters)", "model"),
    Knob("reuse", "use the kind cluster of an earlier run, and keep it", flag=True),
    Knob("node-image", "kind's node image (pytest-kind's own --kind-image wins)"),
    Knob("load-image", "a local image to load into the kind cluster", many=True),
    Knob("istioctl", "the istioctl to install Istio with", "istioctl"),
    Knob("istio-config", "an IstioOperator file for istioctl install"),
    Knob("linkerd", "the linkerd CLI to install Linkerd with", "linkerd"),
    Knob("gateway-api-crds", "the Gateway API's CRDs, a file or URL"),
    Knob("curl-image", "the image that sends requests where a client's own has no curl"),
    Knob("parallel", "clients that share a probe's requests", "20"),
    Knob("request-timeout", "seconds that one request may take", "30"),
    Knob("cluster-timeout", "seconds that any one wait for the cluster may take", "300"),
    Knob("settle", "seconds that a change may take to show in an expectation", "30"),
    Knob("false-fail", "the probability, at most, of failing what holds", "1e-6"),
    Knob("false-pass", "the probability, at most, of passing what is off by the deviation", "1e-3"),
    Knob("deviation", "the share that a sample must tell from what is expected", "0.05"),
)


SCENARIO_SUFFIXES = (".yaml", ".yml")
SCENARIO_FOLDER = "scenarios"


def is_scenario(path: Path) -> bool:
    """Returns whether a file is a scenario by its place: YAML below a folder `scenarios`."""
    return path.suffix in SCENARIO_SUFFIXES and SCENARIO_FOLDER in path.parts

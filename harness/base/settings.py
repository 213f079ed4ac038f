"""Every knob, in one place; each can be set by a pytest option or by the environment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from harness.base.errors import InputError


class OnDrift(StrEnum):
    """What model drift does to an expectation that a cluster judged."""

    FAIL = "fail"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Confidence:
    """How sure a verdict on a sample is; raises InputError for values that make no sense.

    `false_fail`: the probability at most of failing what holds. `false_pass`: the probability
    at most of passing what is off by `deviation` (a share) or more, or by half of a small share. `most` are
    the requests of all looks at a growing sample. `unseen`: by how much what never or always happens may be
    off, if not by `deviation`.
    """

    false_fail: float = 1e-6
    false_pass: float = 1e-3
    deviation: float = 0.05
    most: int = 250_000
    settle: float = 30.0
    """Seconds that an expectation may take to show its effect before the sample that counts."""
    unseen: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("false-fail", self.false_fail), ("false-pass", self.false_pass)):
            _refuse_unless(0 < value <= 0.5, name, value, "a probability above 0, at most 0.5")
        _refuse_unless(0 < self.deviation < 1, "deviation", self.deviation, "a share between 0 and 1")
        _refuse_unless(1 <= self.most < inf, "most-requests", self.most, "a number of requests")
        if self.unseen is not None:
            _refuse_unless(0 < self.unseen < 1, "unseen", self.unseen, "a share between 0 and 1")
        _refuse_unless(0 <= self.settle < inf, "settle", self.settle, "a number of seconds")


def _refuse_unless(holds: bool, name: str, value: float, words: str) -> None:
    if not holds:
        raise InputError(f"{value:g} isn't {words}", where=f"--harness-{name}")


@dataclass(frozen=True)
class Knob:
    """A setting by its name: option `--harness-name`, environment `HARNESS_NAME`, ini key `harness_name`.

    Without the prefix the option is understood, too, where no other plugin and no conftest has it. The option
    wins over the environment, the environment over the file. A `flag` is on or off;
    `many` options may be given several times (in the environment and in files: separated by spaces).
    """

    name: str
    help: str
    default: str = ""
    flag: bool = False
    many: bool = False
    theirs: bool = False
    """Whether pytest-kind has an option of that name, which is then taken for it."""

    @property
    def option(self) -> str:
        return f"--harness-{self.name}"

    @property
    def short(self) -> str:
        """The option without its prefix."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return f"HARNESS_{self.name.replace('-', '_').upper()}"

    @property
    def ini(self) -> str:
        return f"harness_{self.name.replace('-', '_')}"


KNOBS = (
    Knob(
        "provider",
        "where scenarios run: model (default; in process), kind (real clusters, made and deleted) or "
        "context (a cluster that is there, named by --harness-context)",
        "model",
    ),
    Knob(
        "scenarios",
        "where scenarios are: folders of this name, or this path, below the root (default: scenarios)",
        "scenarios",
        many=True,
    ),
    Knob("context", "the kubeconfig context to run on; the current one is never taken"),
    Knob("kubeconfig", "the kubeconfig that has the context; kubectl's if absent", theirs=True),
    Knob("install-mesh", "meshes that the context's cluster lacks may be installed; they stay", flag=True),
    Knob("bundle", "the folder for what a failing cluster looked like", ".harness"),
    Knob("timelines", "a folder for what happened in transitions, as JSON; else in the bundle, if it failed"),
    Knob("report", "a file for the run's report, as HTML that needs no network"),
    Knob("report-json", "a file for the run's report, as JSON"),
    Knob("until", "the last stage that is brought about; a kept cluster then stays as it is"),
    Knob("from", "the stage to go on to, on the cluster that an earlier run left (--harness-reuse)"),
    Knob("shard", "the part of all files with tests that runs here: 2/3 is the second of three"),
    Knob("allow-run", "let scenarios run commands on this machine", flag=True),
    Knob("health", "after which stages the meshes check themselves: each (default) or none", "each"),
    Knob("drift", "where model and cluster disagree: fail, warn (default) or ignore", "warn"),
    Knob("record", "a file to write what the cluster answered to, as tests of the model read it"),
    Knob("reuse", "use the kind cluster of an earlier run, and keep it", flag=True),
    Knob(
        "shared-cluster",
        "pytest-xdist's workers share one kind cluster, a scenario's namespaces get a prefix",
        flag=True,
    ),
    Knob("node-image", "kind's node image (pytest-kind's own --kind-image wins)"),
    Knob("load-image", "a local image to load into the kind cluster", many=True),
    Knob("istioctl", "the istioctl to install Istio with", "istioctl"),
    Knob("istio-config", "an IstioOperator file for istioctl install"),
    Knob("linkerd", "the linkerd CLI to install Linkerd with", "linkerd"),
    Knob("istio-values", "a file of values for Istio's charts"),
    Knob("linkerd-values", "a file for linkerd install --values, or of values for its charts"),
    Knob("istio-version", "the version of Istio that must be installed, as in 1.31"),
    Knob("linkerd-version", "the version of Linkerd that must be installed, as in edge-26.8.3"),
    Knob("istio-charts", "install Istio by helm: a folder of its charts, a repository's name or URL"),
    Knob("linkerd-charts", "install Linkerd by helm: a folder of its charts, a repository's name or URL"),
    Knob("istio-manifests", "install Istio from rendered manifests: a file or folder"),
    Knob("linkerd-manifests", "install Linkerd from rendered manifests: a file or folder"),
    Knob("helm", "the helm that installs charts", "helm"),
    Knob("gateway-api-crds", "the Gateway API's CRDs, a file or URL"),
    Knob("curl-image", "the image that sends requests where a client's own has no curl"),
    Knob("openssl-image", "the image that looks at certificates (default: that of Istio's proxy, or curl's)"),
    Knob("parallel", "clients that share a probe's requests", "20"),
    Knob("request-timeout", "seconds that one request may take", "30"),
    Knob("cluster-timeout", "seconds that any one wait for the cluster may take", "300"),
    Knob("settle", "seconds that a change may take to show in an expectation", "30"),
    Knob("false-fail", "the probability, at most, of failing what holds", "1e-6"),
    Knob("false-pass", "the probability, at most, of passing what is off by the deviation", "1e-3"),
    Knob("deviation", "by how much a share must be off to be told; of small shares half is told", "0.05"),
    Knob("most-requests", "the most requests of one expectation's sample", "250000"),
)

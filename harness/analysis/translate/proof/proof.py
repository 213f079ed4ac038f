"""A translation proven: the estate before and after it compared, and held against its findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.compare import compare
from harness.analysis.compare.jobs import untold
from harness.analysis.compare.missing import untried
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.proof import sides
from harness.analysis.translate.proof.amendment import amendable, amended
from harness.analysis.translate.proof.explanation import Explanations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from harness.analysis.compare import Comparison, Difference
    from harness.analysis.translate.finding import Finding
    from harness.analysis.translate.translation import Translation
    from harness.base.places import Place
    from harness.base.resources import Resource
    from harness.manifests.files import Unread
    from harness.model import State
    from harness.model.state import Undecided

    Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Explained:
    """A difference, and the findings that account for it."""

    difference: Difference
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Unproven:
    """What has no partner: `what` is it, `why` it isn't proven, `todo` what proves it."""

    what: str
    why: str
    todo: str
    place: Place | None = None

    def __str__(self) -> str:
        head = f"{self.place}: " if self.place else ""
        lines = [f"{head}not proven: {self.what}", f"  why: {self.why}"]
        return "\n".join([*lines, *([f"  do:  {self.todo}"] if self.todo else [])])


@dataclass(frozen=True)
class Proof:
    """What came of comparing: all that is accounted for, and what isn't.

    `estate_wide` are findings about the meshes themselves, `unseen` those that no request can show, each with
    its reason.
    """

    classes: int
    explained: tuple[Explained, ...]
    estate_wide: tuple[Finding, ...]
    unseen: tuple[tuple[Finding, str], ...]
    unproven: tuple[Unproven, ...]


UNDECIDED = "undecided"
_ON_CLUSTER = "judge it on a cluster"
_NOTHING = Unproven(
    "the whole estate",
    "no request could be decided: no Service among the manifests can be called",
    "give the manifests of Services and workloads, too",
)


def prove(
    resources: Iterable[Resource],
    made: Translation,
    unread: Iterable[Unread] = (),
    *,
    progress: Callable[[int, int], None] = untold,
) -> Proof:
    """Returns the proof of what a translation says of itself, over every class of requests.

    Of what is `unread` nothing is proven. `progress` hears how far each comparison is.
    Raises InputError where the model can't hold one of the two sides at all.
    """
    resources = tuple(resources)
    old, left_before = sides.before(resources, made)
    new, left_after = sides.after(resources, made)
    omissions = dict.fromkeys(each for each in (*left_before, *left_after) if not each.local)
    taken_out = amendable(made.findings, made.kept)
    without = sides.before(amended(resources, taken_out), made)[0] if taken_out else old
    rest = [finding for finding in made.findings if finding not in taken_out]
    comparison = compare(without, new, told=progress)
    told = set(map(str, omissions))
    undecided = list(_undecided(comparison, told))
    explained, unexplained = _explained(comparison, rest, made, (without, new))
    if any(finding.severity in (Severity.LOST, Severity.CHANGED) for finding in taken_out):
        comparison = compare(old, new, told=progress)  # which shows what is lost
        undecided += _undecided(comparison, told)
        explained, _ = _explained(comparison, made.findings, made, (old, new))
    shown = dict.fromkeys(finding for each in explained for finding in each.findings)
    losses = list(_unshown(made.findings, shown, {omission.resource.key for omission in omissions}))
    unproven = (
        *map(_missing_finding, unexplained),
        *(_missing_difference(finding) for finding in losses if not finding.unseen),
        *(_unknown(finding) for finding in made.findings if finding.is_unknown),
        *map(_left_out, omissions),
        *undecided,
        *(Unproven(each.path, f"it isn't read: {each.why}", "") for each in unread),
        *(Unproven(str(each), why, _ON_CLUSTER) for each, why in untried(old)),
        *([] if comparison.classes else [_NOTHING]),
    )
    return Proof(
        comparison.classes,
        explained,
        tuple(finding for finding in shown if finding.origin is None),
        tuple((finding, finding.unseen) for finding in losses if finding.unseen),
        tuple(dict.fromkeys(unproven)),
    )


def _explained(
    comparison: Comparison, findings: Iterable[Finding], made: Translation, states: tuple[State, State]
) -> tuple[tuple[Explained, ...], list[Difference]]:
    """The differences that these findings account for, and the others."""
    explanations = Explanations(findings, made.translated, states)
    pairs = [
        Explained(difference, explanations.of(difference))
        for difference in comparison.differences
        if UNDECIDED not in difference.parts
    ]
    explained = tuple(pair for pair in pairs if pair.findings)
    return explained, [pair.difference for pair in pairs if not pair.findings]


def _unshown(
    findings: Iterable[Finding], shown: Collection[Finding], unknown: Collection[Key]
) -> Iterator[Finding]:
    """The losses that no difference shows; of what isn't decided, or isn't there, that is told already."""
    for finding in findings:
        is_loss = finding.severity in (Severity.LOST, Severity.CHANGED)
        told = finding.is_unknown or (finding.origin and finding.origin.key in unknown)
        if is_loss and not told and finding not in shown:
            yield finding


def _missing_finding(difference: Difference) -> Unproven:
    return Unproven(
        str(difference), "no finding accounts for this difference", "report it: a finding is missing"
    )


def _missing_difference(finding: Finding) -> Unproven:
    what = f"{finding.severity} [{finding.code}] {finding.resource} {finding.subject}".rstrip()
    why, todo = "no request that was decided shows this", "give all manifests that it takes part in, too"
    place = finding.origin.place(finding.field) if finding.origin else None
    return Unproven(what, why, todo, place)


def _unknown(finding: Finding) -> Unproven:
    what = f"[{finding.code}] {finding.resource} {finding.subject}".rstrip()
    place = finding.origin.place(finding.field) if finding.origin else None
    return Unproven(what, f"what isn't among the manifests isn't decided: {finding.why}", finding.todo, place)


def _left_out(omission: Undecided) -> Unproven:
    what = f"{omission.resource} {omission.field}".rstrip()
    return Unproven(what, f"it isn't decided: {omission.why}", _ON_CLUSTER, omission.place)


def _undecided(comparison: Comparison, omissions: Collection[str]) -> Iterator[Unproven]:
    """What the comparison couldn't decide, beside what was left out of the states already."""
    for difference in comparison.differences:
        why = difference.before.undecided or difference.after.undecided
        if UNDECIDED in difference.parts and why not in omissions:
            yield Unproven(difference.target, f"it isn't decided: {why}", _ON_CLUSTER)

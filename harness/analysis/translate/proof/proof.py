"""A translation proven: the estate before and after it compared, and held against its findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.compare import compare
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.proof import estate_wide, sides
from harness.analysis.translate.proof.explanation import Explanations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.compare import Comparison, Difference
    from harness.analysis.translate.finding import Finding
    from harness.analysis.translate.translation import Translation
    from harness.base.places import Place
    from harness.base.resources import Resource
    from harness.manifests.files import Unread
    from harness.model.state import Undecided


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


_NOTHING = Unproven(
    "the whole estate",
    "no request could be decided: no Service among the manifests can be called",
    "give the manifests of Services and workloads, too",
)


def prove(resources: Iterable[Resource], made: Translation, unread: Iterable[Unread] = ()) -> Proof:
    """Returns the proof of what a translation says of itself, over every class of requests.

    Of what is `unread` nothing is proven.
    Raises InputError where the model can't hold one of the two sides at all.
    """
    resources = tuple(resources)
    old, left_before = sides.before(resources, made)
    new, left_after = sides.after(resources, made)
    comparison = compare(old, new)
    decided = [each for each in comparison.differences if "undecided" not in each.parts]
    explanations = Explanations(made.findings, made.translated, (old, new))
    explained = tuple(
        Explained(difference, explanations.of(difference) or tuple(estate_wide.causes(difference)))
        for difference in decided
    )
    shown = dict.fromkeys(finding for each in explained for finding in each.findings)
    losses = [
        finding
        for finding in made.findings
        if finding.severity in (Severity.LOST, Severity.CHANGED) and finding not in shown
    ]
    unseen = tuple((finding, finding.unseen) for finding in losses if finding.unseen)
    unproven = (
        *(_unexplained(each.difference) for each in explained if not each.findings),
        *(_unshown(finding) for finding in losses if not finding.unseen and not finding.is_unknown),
        *(_unknown(finding) for finding in made.findings if finding.is_unknown),
        *_undecided(comparison, (*left_before, *left_after)),
        *(Unproven(each.path, f"it isn't read: {each.why}", "") for each in unread),
        *([] if comparison.classes else [_NOTHING]),
    )
    accounted = tuple(each for each in explained if each.findings)
    wide = tuple(finding for finding in shown if finding.origin is None)
    return Proof(comparison.classes, accounted, wide, unseen, tuple(dict.fromkeys(unproven)))


def _unexplained(difference: Difference) -> Unproven:
    return Unproven(
        str(difference), "no finding accounts for this difference", "report it: a finding is missing"
    )


def _unshown(finding: Finding) -> Unproven:
    what = f"{finding.severity} [{finding.code}] {finding.resource} {finding.subject}".rstrip()
    why, todo = "no request that was decided shows this", "give all manifests that it takes part in, too"
    place = finding.origin.place(finding.field) if finding.origin else None
    return Unproven(what, why, todo, place)


def _unknown(finding: Finding) -> Unproven:
    what = f"[{finding.code}] {finding.resource} {finding.subject}".rstrip()
    place = finding.origin.place(finding.field) if finding.origin else None
    return Unproven(what, f"what isn't among the manifests isn't decided: {finding.why}", finding.todo, place)


def _undecided(comparison: Comparison, omissions: Iterable[Undecided]) -> Iterator[Unproven]:
    for omission in omissions:
        what = f"{omission.resource} {omission.field}".rstrip()
        yield Unproven(what, f"it isn't decided: {omission.why}", "judge it on a cluster", omission.place)
    for difference in comparison.differences:
        if "undecided" in difference.parts:
            why = difference.before.undecided or difference.after.undecided
            yield Unproven(difference.target, f"it isn't decided: {why}", "judge it on a cluster")

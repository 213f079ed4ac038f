"""What a translation lost and changed, and what is to be done besides: for a terminal, and as plain data."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.analysis.translate import Severity
from harness.analysis.translate.writer import patch_command
from harness.report import served

if TYPE_CHECKING:
    from harness.analysis.translate import Finding, Translation
    from harness.analysis.translate.proof import Proof


def text(made: Translation, proof: Proof | None = None) -> str:
    """Returns the findings, the patches with their commands, what isn't proven, and a last line with sums."""
    notes = [str(finding) for finding in made.findings]
    notes += [f"{patch}:\n  do:  {patch_command(patch)}" for patch in made.patches]
    if proof:
        notes += map(_unseen, proof.unseen)
        notes += map(str, proof.unproven)
    return "".join(f"{note}\n" for note in notes) + served.text(made.served) + sums(made, proof)


def sums(made: Translation, proof: Proof | None = None) -> str:
    """Returns the lines that count findings, and what is proven."""
    return "".join(f"{line}\n" for line in (summary(made), *([verdict(proof)] if proof else [])))


def _unseen(pair: tuple[Finding, str]) -> str:
    finding, why = pair
    return f"no request shows [{finding.code}] {finding.resource} {finding.subject}: {why}"


def verdict(proof: Proof) -> str:
    """Returns whether all is proven, and how much was compared for that."""
    decided = f"{proof.classes} classes of requests decided"
    differences = f"{len(proof.explained)} differences that the findings account for"
    if proof.unproven:
        return f"{len(proof.unproven)} not proven: {decided}, {differences}"
    return f"proven: {decided}, {differences}, no other"


def summary(made: Translation) -> str:
    """Returns how many of Istio's objects became others, or stay, and how many findings there are."""
    counts = Counter(finding.severity for finding in made.findings)
    parts = [f"{len(made.origins)} translated", *([f"{len(made.kept)} kept"] if made.kept else [])]
    told = [f"{counts[severity]} {severity}" for severity in Severity if counts[severity]]
    return f"{', '.join(parts)}; {', '.join(told) or 'nothing lost or changed'}"


def data(made: Translation, proof: Proof | None = None) -> dict[str, Any]:
    """Returns the same as plain data, with the objects to apply."""
    counts = Counter(finding.severity for finding in made.findings)
    return {
        "findings": [_finding(finding) for finding in made.findings],
        "patches": [
            {"object": str(patch.target), "operations": list(patch.operations), "do": patch_command(patch)}
            for patch in made.patches
        ],
        "objects": [resource.data for resource in made.objects],
        "kept": [str(resource) for resource in made.kept],
        "totals": {
            "translated": len(made.origins),
            "kept": len(made.kept),
            "written": len(made.objects),
            **{severity.value: counts[severity] for severity in Severity},
        },
        "served": served.data(made.served),
        "proof": _proof(proof) if proof else None,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "proven": not proof.unproven,
        "classes": proof.classes,
        "differences": [
            {
                "target": each.difference.target,
                "request": str(each.difference.request),
                "parts": list(each.difference.parts),
                "findings": list(map(_named, each.findings)),
            }
            for each in proof.explained
        ],
        "unseen": [{**_named(finding), "why": why} for finding, why in proof.unseen],
        "not_proven": [
            {"what": each.what, "where": str(each.place or ""), "why": each.why, "do": each.todo}
            for each in proof.unproven
        ],
    }


def _named(finding: Finding) -> dict[str, str]:
    return {"id": finding.code, "object": finding.resource, "field": finding.field}


def _finding(finding: Finding) -> dict[str, Any]:
    position = finding.position
    return {
        "id": finding.code,
        "severity": finding.severity.value,
        "kind": finding.origin.kind if finding.origin else "",
        "object": finding.resource,
        "field": finding.field,
        "rule": finding.rule,
        "file": position.source,
        "line": position.line,
        "column": position.column,
        "why": finding.why,
        "do": finding.todo,
    }

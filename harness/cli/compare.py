"""`harness compare`: are two configurations the same for every request?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Mesh
from harness.base.files import write_text
from harness.cli.options import (
    DEFAULT,
    AsHtml,
    AsJson,
    AsSarif,
    Authorizers,
    GatewayAPI,
    Namespace,
    Quiet,
    ReadOptions,
    Recursive,
    Strict,
    assumption,
    manifests_of,
    one_form,
    outside_of,
    remarked,
    reported,
    taken_secrets,
)
from harness.cli.output import tell
from harness.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base import Resource
    from harness.manifests.files import Manifests, Unread
    from harness.model import State


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="BEFORE AFTER",
            help="Manifests of either side: files, folders, dumps or kustomizations. With --git or "
            "--translate all are of one side.",
        ),
    ],
    also_before: Annotated[
        list[Path] | None, typer.Option("--before", metavar="PATH", help="More manifests of the first side.")
    ] = None,
    also_after: Annotated[
        list[Path] | None, typer.Option("--after", metavar="PATH", help="More manifests of the second side.")
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="PATH", help="Manifests of both: apps, Services. Repeat it for more."),
    ] = None,
    git: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Compare the files as they were at a revision with those that are there."
        ),
    ] = None,
    translated: Annotated[
        bool,
        typer.Option("--translate", help="Compare the files with what `harness translate` makes of them."),
    ] = False,
    mesh_before: Annotated[
        Mesh | None, typer.Option(help="The mesh that holds all workloads before, whatever labels say.")
    ] = None,
    mesh_after: Annotated[
        Mesh | None, typer.Option(help="The mesh that holds all workloads after, whatever labels say.")
    ] = None,
    staying: Annotated[
        bool,
        typer.Option(
            "--staying", help="Ask as a client, too, that stays in the old mesh when workloads leave it."
        ),
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMESPACE/SERVICE[:PART]",
            help="Differences that are accepted, `*` for any: of a Service, of one part of its answers, "
            "or of one kind (`*:words`).",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Classes of requests to one port by one class of callers, at most.")
    ] = 2_000,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that share the work.")] = 1,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
    authorizer: Authorizers = None,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print it as a comment for a review.")
    ] = False,
    as_sarif: AsSarif = False,
    html: AsHtml = None,
    quiet: Quiet = False,
) -> None:
    """Compare two configurations over every class of requests that they can tell apart.

    Exit status 0 if the answers to all requests are the same, 1 if there is a difference that isn't
    accepted (what isn't decided is one), 2 for errors.
    """
    from harness.analysis.compare import compare, missing
    from harness.analysis.compare.causes import allowed, check
    from harness.analysis.compare.comparison import not_read
    from harness.analysis.compare.configurations import retained, sides, stated
    from harness.manifests.files import STDIN
    from harness.manifests.revision import at_revision
    from harness.report import comparison as report
    from harness.report.sarif import comparison as sarif

    patterns = allow or []
    how = ReadOptions(recursive, namespace, strict, gateway_api)

    unread: dict[Unread, None] = {}

    def held(manifests: Manifests) -> tuple[Resource, ...]:
        unread.update(dict.fromkeys(manifests.unread))
        return manifests.resources

    def read(files: Sequence[Path]) -> tuple[Resource, ...]:
        return held(manifests_of(files, how))

    with reported(), ExitStack() as copies:
        one_form(json=as_json, markdown=as_markdown, sarif=as_sarif)
        check(patterns)
        first, second = _sides(paths, also_before or (), also_after or (), git, translated=translated)
        if [*first, *([] if translated else second), *(beside or ())].count(STDIN) > 1:
            raise InputError("standard input can be read once", todo="name files of the other side")
        common = read(beside or ())
        if git:
            # The copies are there until all is printed, with places in them.
            old = copies.enter_context(at_revision(git, first))
            before = held(remarked(old.read(how.reading()), how))
        else:
            before = read(first)
        if translated:
            common = (*common, *taken_secrets((*common, *before)))
            states = _translation([*common, *before])
        else:
            after = read(second)
            common = (*common, *taken_secrets((*common, *before, *after)))
            if kept := () if git else retained(before, after):
                tell(stated(kept), err=True)
            states = sides(before, after, common, mesh_before, mesh_after, whole=bool(git), strict=strict)
        for mesh in dict.fromkeys(state.assumed for state in states if state.assumed):
            tell(assumption(mesh), err=True)
        outside = outside_of(None, authorizer)
        states = (replace(states[0], outside=outside), replace(states[1], outside=outside))
        with Progress("comparing groups of targets") as progress:
            comparison = compare(*states, limit=limit, jobs=jobs, staying=staying, told=progress)
        left = (*missing.undecided(*states, comparison.classes), *map(not_read, unread))
        comparison = replace(comparison, differences=(*comparison.differences, *left))
        for pattern in patterns:
            if not any(allowed(difference, [pattern]) for difference in comparison.differences):
                tell(f"--allow {pattern}: there is no such difference", err=True)
        if html:
            from harness.report.html.views import comparison as view  # templates take long to import

            write_text(html, view.page(comparison, patterns))
        if as_sarif:
            tell(json.dumps(sarif.data(comparison, patterns), indent=2, ensure_ascii=False))
        elif quiet and not (as_json or as_markdown):
            tell(report.summary(comparison, patterns))
        else:
            shown = report.data if as_json else report.markdown if as_markdown else report.text
            tell(shown(comparison, patterns), nl=False)
    raise typer.Exit(0 if all(allowed(difference, patterns) for difference in comparison.differences) else 1)


def _sides(
    paths: Sequence[Path],
    also_before: Sequence[Path],
    also_after: Sequence[Path],
    git: str | None,
    *,
    translated: bool,
) -> tuple[list[Path], list[Path]]:
    """The files of either side; raises InputError where the options don't go together."""
    if git and translated:
        raise InputError("--git and --translate don't go together: each says what the other side is")
    if translated and also_after:
        raise InputError("--after goes with two sides: here the second is the translation of the first")
    if git or translated:
        return [*paths, *also_before], [*paths, *also_after]
    if len(paths) != 2:
        todo = "name BEFORE and AFTER; --before and --after add to either"
        raise InputError(f"two sides are compared, and {len(paths)} are named", todo=todo)
    return [paths[0], *also_before], [paths[1], *also_after]


def _translation(resources: Sequence[Resource]) -> tuple[State, State]:
    """Returns an estate as it is, and with its translation applied."""
    from harness.analysis.translate import translate
    from harness.analysis.translate.proof import sides

    made = translate(resources)
    return sides.before(resources, made)[0], sides.after(resources, made)[0]

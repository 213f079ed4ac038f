"""What several commands have in common: options, the model that they ask, and how errors are told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import HarnessError, InputError, Mesh, did_you_mean
from harness.cli.output import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base import Resource
    from harness.manifests.files import Manifests
    from harness.manifests.objects import Reading
    from harness.model import Model
    from harness.traffic.outside import Outside

DEFAULT = "default"
"""The namespace of objects that name none."""

Context = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Instead of files: the kubeconfig context of a cluster to read."),
]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="The kubeconfig that has the context; kubectl's if absent.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it for machines.")]
AsSarif = Annotated[bool, typer.Option("--sarif", help="Print it as SARIF 2.1.0, for code scanning.")]
Meshes = Annotated[
    list[str] | None,
    typer.Option(
        "--mesh",
        metavar="[NAMESPACE=]MESH",
        help="A mesh that is installed (if absent: those that the manifests use); with a namespace: "
        "the mesh that holds it (or none), whatever its labels say.",
    ),
]


Recursive = Annotated[
    bool,
    typer.Option("--recursive/--no-recursive", "-R", help="Read folders with all below them."),
]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="The namespace of objects that name none, as kubectl's -n.")
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Refuse what the harness doesn't know: kinds, objects, fields. Else it names them.",
    ),
]
GatewayAPI = Annotated[
    str | None,
    typer.Option(
        "--gateway-api",
        metavar="RELEASE/CHANNEL",
        help="The release of the Gateway API that the cluster has, as 1.6/standard; if absent, what "
        "CustomResourceDefinitions among the manifests say, or else the newest's standard channel.",
    ),
]
JsonWebKeys = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URI=FILE",
        help="The keys at a RequestAuthentication's jwksUri, in a file. Repeat it for more.",
    ),
]
Authorizers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=STATUS",
        help="What an external authorizer answers, by its name in MeshConfig: 200 lets a request through, "
        "5xx is an error. Repeat it for more.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print no more than the sum; what must be known is told all the same."
    ),
]
AsHtml = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write it besides as one page, which needs no network."),
]
ERROR = 2
"""The exit status of every command that ends with an error."""


@dataclass(frozen=True)
class ReadOptions:
    """How a command reads manifests, as its options say."""

    recursive: bool
    namespace: str
    strict: bool
    gateway_api: str | None = None

    def reading(self, *, running: bool = False) -> Reading:
        """Returns it for those who read; of a dump that is `running` all counts that tells how it ran."""
        from harness.manifests.objects import Reading  # a cluster's objects need no files

        return Reading(self.recursive, self.namespace, running)


def one_form(**chosen: bool) -> None:
    """Raises InputError where options, by their names, choose more than one form to print in."""
    named = [f"--{name}" for name, is_chosen in chosen.items() if is_chosen]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} are two ways to print", todo="leave one out")


@contextmanager
def reported() -> Iterator[None]:
    """Tells an error of the user's without a traceback, and ends the command with the status of errors."""
    try:
        yield
    except HarnessError as error:
        tell(str(error), err=True)
        raise typer.Exit(ERROR) from error


def manifests_of(paths: Iterable[Path], how: ReadOptions, *, running: bool = False) -> Manifests:
    """Returns what files and folders hold, `remarked`; raises InputError for what can't be read."""
    from harness.manifests.files import read  # a cluster's objects need no files

    return remarked(read(paths, how.reading(running=running)), how)


def remarked(manifests: Manifests, how: ReadOptions) -> Manifests:
    """Returns manifests after telling (beside the output) what there is to say about them.

    They have the Gateway API's definitions besides, if the options name a release. Raises InputError, if
    they are strict, for a kind that the harness doesn't read.
    """
    from harness.api.schema import foreign

    for line in manifests.remarks:
        tell(line, err=True)
    if line := foreign.counted(manifests.resources):
        tell(line, err=True)
    unknown = next(filter(foreign.is_foreign, manifests.resources), None)
    if how.strict and (unknown or manifests.unread):
        what = f"{unknown} is of a kind that the harness doesn't read" if unknown else "not all could be read"
        where = unknown.place("kind") if unknown else manifests.unread[0].path
        raise InputError(what, where=where, todo="leave it out, or leave --strict out")
    return _with_gateway_api(manifests, how)


def _with_gateway_api(manifests: Manifests, how: ReadOptions) -> Manifests:
    """The manifests with the definitions of the release that the option names; they must have no others."""
    from harness.api.gateway_api import GROUP
    from harness.api.kubernetes.definition import DEFINITION, CustomResourceDefinition
    from harness.api.schema.releases import Release

    if how.gateway_api is None:
        return manifests
    option = "--gateway-api"
    release = Release.parse(how.gateway_api, option)
    for resource in manifests.resources:
        if resource.key[:2] == DEFINITION and CustomResourceDefinition.kept(resource).group == GROUP:
            what = f"{resource} says already which of the Gateway API's kinds are served"
            raise InputError(what, where=resource.place(), todo=f"leave {option} out, or the definitions")
    if not manifests.resources:
        return manifests
    return replace(manifests, batches=(release.definitions(option), *manifests.batches))


def model_of(
    paths: list[Path],
    meshes: list[str],
    context: str | None,
    kubeconfig: Path | None,
    how: ReadOptions,
    *,
    assuming: bool = False,
) -> Model:
    """Returns the model of manifests or of a cluster, one of which must be named; raises InputError.

    If it isn't strict it decides without what it doesn't know, and names that. If it is `assuming`, gateways
    have the certificates that they name (`api.certificates`).
    """
    from harness.model import Model  # the other commands need no model

    installed, placed = _meshes(meshes)
    if context is None:
        if not paths or kubeconfig:
            raise InputError(
                "nothing to decide on", todo="name manifests, or a cluster's context (--context)"
            )
        manifests = manifests_of(paths, how, running=True)
        if not manifests.resources:
            where = ", ".join(map(str, paths))
            raise InputError(
                "there is no object to decide on", where=where, todo="name manifests that hold some"
            )
        secrets = taken_secrets(manifests.resources) if assuming else ()
        model = Model.from_objects(
            (*manifests.batches, secrets), installed or None, placed or None, lenient=not how.strict
        )
        if model.state.assumed:
            tell(assumption(model.state.assumed), err=True)
        return model
    if paths or meshes or how.gateway_api:
        what = "--context goes with neither manifests, --mesh nor --gateway-api"
        raise InputError(f"{what}: the cluster says what there is")
    return Model.from_cluster(context, kubeconfig, lenient=not how.strict)


def outside_of(jwks: list[str] | None, authorizers: list[str] | None) -> Outside:
    """Returns what options tell of the world around a cluster; raises InputError for what can't be read."""
    from harness.manifests.web_keys import read_keys
    from harness.traffic.outside import AuthorizerAnswer, Outside

    keys = {uri: read_keys(Path(file)) for uri, file in _pairs(jwks, "--jwks URI=FILE")}
    answers = {}
    for name, status in _pairs(authorizers, "--authorizer NAME=STATUS"):
        if not (status.isdigit() and 200 <= int(status) < 600):
            what = f"--authorizer {name}={status}: {status!r} is no status of an answer"
            raise InputError(what, todo="write 200 for what it lets through, 403 for what it refuses")
        answers[name] = AuthorizerAnswer(int(status))
    return Outside(keys, answers)


def _pairs(texts: list[str] | None, form: str) -> Iterator[tuple[str, str]]:
    """What stands before the last `=`, and behind it."""
    for text in texts or ():
        name, equals, value = text.rpartition("=")
        if not (name and equals and value):
            raise InputError(f"{text!r} isn't of the form that is asked for", todo=f"write {form}")
        yield name, value


def taken_secrets(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Returns the Secrets that are taken to be there (`api.certificates`), and tells them."""
    from harness.api import certificates  # some commands need no gateways

    secrets = certificates.assumed(resources)
    if line := certificates.assumption(secrets):
        tell(line, err=True)
    return secrets


def assumption(mesh: Mesh) -> str:
    """Returns the line that tells what is taken for granted where nothing says which mesh holds what."""
    words = f"nothing says which mesh holds the namespaces, so {mesh.title()} is taken to hold them all"
    return f"{words} (--mesh says otherwise)"


def cluster_objects(context: str, kubeconfig: Path | None) -> tuple[Resource, ...]:
    """Returns all objects that a cluster holds, which is read and not changed, and what it serves.

    Raises MissingError for an unknown context, ApiError where the cluster doesn't answer or forbids it.
    """
    from harness.cluster.objects import snapshot  # files need no Kubernetes client

    taken = snapshot.read(context, kubeconfig)
    return (*taken.definitions, *taken.objects)


def _meshes(texts: list[str]) -> tuple[set[Mesh], dict[str, Mesh | None]]:
    """The meshes that are installed, and those that hold a namespace."""
    installed: set[Mesh] = set()
    placed: dict[str, Mesh | None] = {}
    for text in texts:
        namespace, equals, name = text.rpartition("=")
        valid = (*Mesh, "none") if equals else tuple(Mesh)
        if name not in valid:
            raise InputError(f"unknown mesh {name!r}", todo=did_you_mean(name, valid))
        if equals:
            placed[namespace] = None if name == "none" else Mesh(name)
        else:
            installed.add(Mesh(name))
    return installed, placed

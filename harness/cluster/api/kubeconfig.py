"""One context of a user's kubeconfig, copied for the harness alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from harness.base import InputError, MissingError, did_you_mean
from harness.manifests.documents import plain

_FILES = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}
"""The fields that name files, which a kubeconfig may write relative to itself."""

IN_CLUSTER = "in-cluster"
"""The context that is the cluster of the pod in which the harness runs."""
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def extract(context: str, kubeconfig: Path | None = None) -> str:
    """Returns a kubeconfig (YAML) that holds a context, by its name, and nothing else.

    It is looked for in a file; in None given, where kubectl looks: in $KUBECONFIG's files, else in
    ~/.kube/config. The current context never counts. `in-cluster`, where no file is given, is the cluster of
    this pod, by its service account. Raises InputError, MissingError.
    """
    if context == IN_CLUSTER and kubeconfig is None:
        return yaml.safe_dump(in_cluster())
    if not context:
        raise InputError(
            "no context is named", where="--context", todo="name it: the current one is never taken"
        )
    listed = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    files = [kubeconfig] if kubeconfig else listed or [Path.home() / ".kube" / "config"]
    loaded = [(file, _read(file)) for file in files if kubeconfig or file.is_file()]
    chosen = _named(loaded, "context", context)
    if chosen is None:
        names = [entry["name"] for _, config in loaded for entry in config.get("contexts") or ()]
        raise MissingError(
            f"there is no context {context!r} in {', '.join(map(str, files))}",
            why=did_you_mean(context, names),
        )
    parts: dict[str, list[dict[str, Any]]] = {}
    for part in ("cluster", "user"):
        value = _named(loaded, part, str(chosen.get(part)))
        if value is None:
            raise InputError(f"context {context!r} names a {part} that isn't there: {chosen.get(part)!r}")
        parts[f"{part}s"] = [{"name": chosen[part], part: value}]
    contexts = [{"name": context, "context": chosen}]
    config = {"apiVersion": "v1", "kind": "Config", "current-context": context, "contexts": contexts}
    return yaml.safe_dump({**config, **parts})


def in_cluster() -> dict[str, Any]:
    """Returns a kubeconfig of the cluster in which this process runs; raises MissingError outside of a pod.

    Where a pod finds its API server and credentials: Kubernetes, "Accessing the Kubernetes API from a Pod".
    """
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
    if not (host and port and (_SERVICE_ACCOUNT / "token").is_file()):
        raise MissingError(
            "this isn't a pod with a service account",
            where=f"context {IN_CLUSTER}",
            why=f"there is no {_SERVICE_ACCOUNT / 'token'}, or KUBERNETES_SERVICE_HOST isn't set",
        )
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    cluster = {"server": server, "certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": IN_CLUSTER,
        "contexts": [{"name": IN_CLUSTER, "context": {"cluster": IN_CLUSTER, "user": IN_CLUSTER}}],
        "clusters": [{"name": IN_CLUSTER, "cluster": cluster}],
        "users": [{"name": IN_CLUSTER, "user": {"tokenFile": str(_SERVICE_ACCOUNT / "token")}}],
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        data = plain(file.read_text())
    except OSError as error:
        raise InputError(f"the kubeconfig can't be read: {error.strerror}", where=str(file)) from None
    except yaml.YAMLError as error:
        raise InputError("the kubeconfig isn't YAML", where=str(file), why=str(error)) from None
    if not isinstance(data, dict):
        raise InputError("this isn't a kubeconfig", where=str(file))
    return data


def _named(loaded: list[tuple[Path, dict[str, Any]]], part: str, name: str) -> dict[str, Any] | None:
    """The first entry of a name, as kubectl takes it; files that it names are absolute."""
    for file, config in loaded:
        for entry in config.get(f"{part}s") or ():
            if entry.get("name") == name:
                value: dict[str, Any] = dict(entry.get(part) or {})
                for field in _FILES.get(part, ()):
                    if value.get(field):
                        value[field] = str(file.resolve().parent / value[field])
                return value
    return None

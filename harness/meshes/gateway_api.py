"""The Gateway API's CRDs, which both meshes' routes need."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from harness.base.errors import MissingError
from harness.cluster.api.deadline import timed
from harness.cluster.api.discovery import CRDS
from harness.meshes.linkerd import objects

if TYPE_CHECKING:
    from harness.cluster.api.client import Client
    from harness.cluster.api.deadline import Deadline
    from harness.cluster.objects.apply import Applier

logger = logging.getLogger(__name__)

PROBE = "httproutes.gateway.networking.k8s.io"


def ensure(client: Client, applier: Applier, source: str, deadline: Deadline) -> None:
    """Applies the CRDs of a file or URL, unless the cluster has some already.

    Raises MissingError if the source can't be read.
    """
    if client.find(CRDS.path("", PROBE)) is not None:
        return
    with timed(logger, f"Gateway API CRDs of {source}"):
        applier.apply(objects(_read(source, deadline), source), deadline)


def _read(source: str, deadline: Deadline) -> str:
    try:
        if source.startswith(("https://", "http://")):
            return httpx.get(source, follow_redirects=True, timeout=deadline.left).raise_for_status().text
        return Path(source).read_text()
    except (httpx.HTTPError, OSError) as error:
        raise MissingError(
            f"the Gateway API's CRDs can't be had from {source}",
            why=str(error),
            todo="name a file with them (gateway_api_crds)",
        ) from None

"""What answers where the manifests don't say it: what somebody tells of the world around a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = 200


@dataclass(frozen=True)
class AuthorizerAnswer:
    """What an external authorizer answers to each request: a status (200 lets it through), headers, a body.

    5xx stands for an error of its own, as does silence.
    """

    status: int = ALLOWED
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True)
class Outside:
    """The keys (a JSON Web Key Set, as text) that are at each `jwksUri`, and what authorizers answer.

    Authorizers go by the names that MeshConfig gives them among its `extensionProviders`.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    authorizers: Mapping[str, AuthorizerAnswer] = field(default_factory=dict)


NOTHING_KNOWN = Outside()

"""A cluster that does as the model says, but for its surprises."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.ground.model import ModelProvider
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Group, Outcome, Outcomes

if TYPE_CHECKING:
    from harness.traffic.request import Request


class Drawn(ModelProvider):
    """Its answers are samples of the model's, those of gRPC echo nothing; or all are one `surprise`."""

    basis = Basis.OBSERVED

    def __init__(self, surprise: Outcome | None = None) -> None:
        super().__init__()
        self.surprise = surprise
        self.seed = random.Random(1)

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        if self.surprise is not None:
            return Outcomes((Group(self.surprise, Fraction(count)),), count)
        exact = super().send(request, count).groups
        drawn = self.seed.choices(exact, [float(one.weight) for one in exact], k=count)
        mute = {"server_saw": None} if request.grpc else {}
        return Outcomes(tuple(Group(replace(one.outcome, **mute), Fraction(1)) for one in drawn), count)

    def versions(self) -> dict[str, str]:
        return {"kubernetes": "1.34.4"}

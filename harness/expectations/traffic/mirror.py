"""`mirror`: copies of requests, counted where they arrive."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator

from harness.api.kubernetes.service import services_of
from harness.base.errors import HarnessError, InputError
from harness.expectations.counting import Counting
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.base import Ground
    from harness.traffic.observables import Arrived


def _percent(value: object) -> object:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError(f"{value!r} isn't a share: write 100%, 12.5% or 0%")
    return float(found[1])


class Mirror(Counting):
    """A share of the requests arrives, as a copy, at workload `at`; all of them unless `share` says less.

    That none does (`share: 0%`) counts only beside a positive control: a request of its own is counted there.
    """

    kind: ClassVar[str] = "mirror"

    share: Annotated[float, BeforeValidator(_percent, json_schema_input_type=str)] = 100.0

    def title(self) -> str:
        return f"{self.share:g} % mirrored to {self.at}, {self.method} from {self.source} to {self.to}"

    @property
    def due(self) -> Fraction:
        return Fraction(str(self.share)) / 100

    def counted(self, ground: Ground, arrived: Arrived) -> Iterable[str]:
        if self.share:
            return
        services = services_of(self.at, ground.apps)
        if not services:
            raise InputError(
                f"no Service with an HTTP port selects {self.at}, so it can't be asked for itself"
            )
        for url in services:
            if ground.provider.count(Request(self.source, url), 1, self.at).number:
                yield f"a request to {url} is counted at {self.at}"
                return
        raise HarnessError(
            f"a request to {self.at} itself isn't counted there either",
            why=f"asked were {', '.join(services)}",
            todo="let the client reach it, so that its count can be trusted",
        )

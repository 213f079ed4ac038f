"""The oracle: changes that `compare` calls equal, though a sampled request fares differently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.compare import compare
from harness.analysis.compare.missing import undecided
from harness.base.errors import HarnessError
from tests.mutation.answers import RESET, STATUSES, answering, noticed, unlike
from tests.mutation.harvest import texts
from tests.mutation.mutants import Mutation
from tests.mutation.requests import Sampler
from tests.mutation.strangers import named, with_strangers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from harness.analysis.compare import Difference
    from harness.base.resources import Resource
    from harness.model import State
    from harness.traffic.request import Request
    from tests.mutation.answers import Noticed
    from tests.mutation.estates import Estate
    from tests.mutation.mutants import Mutant
    from tests.mutation.strangers import Identity


@dataclass(frozen=True)
class Witness:
    """A request that fares differently on both sides; applications answer as `answering` says."""

    request: Request
    answering: str
    how: str
    before: Noticed
    after: Noticed

    @property
    def length(self) -> tuple[bool, int]:
        """How little it says, and how much there is to read."""
        return self.how in ("undecided", "arrivals", "words of a proxy's answer"), len(str(self))

    @property
    def asks(self) -> str:
        """What is special about the request."""
        request = self.request
        host = request.header("host")
        words = [
            "through a gateway" if request.through else "",
            "another Host"
            if host and not request.through and host.split(".")[0] != request.host.split(".")[0]
            else "",
            "a token" if request.token or "eyJ" in str(request.headers) + request.url else "",
            "" if request.url.startswith("http:") else request.url.partition(":")[0],
            f"applications that answer {self.answering}" if self.answering != "at once" else "",
        ]
        return ", ".join(filter(None, words)) or "a plain request"

    def __str__(self) -> str:
        headers = "".join(f" -H '{name}: {value}'" for name, value in self.request.headers)
        token = f" (token {self.request.token.payload})" if self.request.token else ""
        apps = f" (applications answer {self.answering})" if self.answering != "at once" else ""
        return f"{self.request}{headers}{token}{apps}\n  before: {self.before}\n  after:  {self.after}"


@dataclass(frozen=True)
class FalseEqual:
    """A change that shows, though `compare` says of nothing that it differs."""

    estate: str
    mutant: Mutant
    witness: Witness

    @property
    def kind(self) -> str:
        """What false equals of one cause have in common."""
        return f"{self.mutant.objects[0].kind} changed, {self.witness.asks}: {self.witness.how}"

    def __str__(self) -> str:
        return f"{self.estate}: {self.mutant}\n  {self.witness.how}: {self.witness}"


@dataclass
class Side:
    """A state that is asked, and what was noticed of requests to it; applications answer in different ways."""

    state: State
    answering: dict[str, State] = field(default_factory=dict)
    asked: dict[tuple[str, Request], Noticed] = field(default_factory=dict)

    def noticed(self, request: Request, how: str) -> Noticed:
        if how not in self.answering:
            self.answering[how] = answering(self.state, how)
        if (how, request) not in self.asked:
            self.asked[how, request] = noticed(self.answering[how], request)
        return self.asked[how, request]


@dataclass
class Run:
    """An estate that is changed many times, each change asked with a number of requests; `counts` what came."""

    estate: Estate
    random: Random
    requests: int
    counts: Counter[str] = field(default_factory=Counter)
    sides: dict[frozenset[Identity], Side] = field(default_factory=dict)

    def before(self, identities: frozenset[Identity]) -> Side:
        """The estate as it is, with callers of these identities."""
        if identities not in self.sides:
            self.sides[identities] = Side(with_strangers(self.estate.state, self.estate.mesh, identities))
        return self.sides[identities]

    def differing(self, count: int) -> Iterator[tuple[Mutant, State, Witness]]:
        """Yields those of a number of changes that the model takes that show, with a request for each."""
        mutation = Mutation(self.estate.objects, self.random)
        seen: set[str] = set()
        taken = 0
        for _ in range(count * 20):
            mutant = mutation.draw()
            if taken == count or mutant is None or str(mutant) in seen:
                continue
            seen.add(str(mutant))
            after = self.estate.changed(mutant.old, mutant.new)
            identities = named((*self.estate.objects, *after.objects))
            try:
                sides = self.before(identities), Side(with_strangers(after.state, after.mesh, identities))
            except HarnessError:
                self.counts["refused"] += 1
                continue
            try:
                witness = self.witness(mutant, *sides)
            except HarnessError:  # a setting that no request can be decided with
                self.counts["refused"] += 1
                continue
            taken += 1
            self.counts["mutants"] += 1
            if witness:
                self.counts["that show"] += 1
                yield mutant, after.state, witness

    def false_equals(self, count: int) -> Iterator[FalseEqual]:
        """Yields what `compare` misses."""
        for mutant, after, witness in self.differing(count):
            try:
                differences = self._differences(after)
            except HarnessError:  # so it says of nothing that it is equal
                self.counts["stopped"] += 1
                continue
            if self._is_equal(differences):
                yield FalseEqual(self.estate.name, mutant, witness)

    def _differences(self, after: State) -> tuple[Difference, ...]:
        """What the command says that differs, or isn't decided."""
        comparison = compare(self.estate.state, after)
        return (*comparison.differences, *undecided(self.estate.state, after, comparison.classes))

    @cached_property
    def always(self) -> frozenset[str]:
        """What `compare` can't decide of the estate itself, either: that says nothing of a change."""
        return frozenset(map(str, self._differences(self.estate.state)))

    def _is_equal(self, differences: tuple[Difference, ...]) -> bool:
        are_open = all(difference.parts == ("undecided",) for difference in differences)
        return are_open and (not differences or self.always.issuperset(map(str, differences)))

    def witness(self, mutant: Mutant, before: Side, after: Side) -> Witness | None:
        """Returns the request that is shortest to read of those that fare differently, if any does."""
        changed = mutant.objects
        sampler = Sampler((before.state, after.state), changed, self.estate.objects, self.random)
        variants = self._variants(changed)
        best: Witness | None = None
        for _ in range(self.requests):
            request, how = sampler.draw(), self.random.choice(variants)
            if request is None:
                continue
            was, now = before.noticed(request, how), after.noticed(request, how)
            difference = unlike(was, now)
            if difference and (sampler.is_listed(request) or was.answered or now.answered):
                witness = Witness(request, how, difference, was, now)
                best = min(best or witness, witness, key=lambda each: each.length)
        return best

    def _variants(self, changed: list[Resource]) -> list[str]:
        """How applications answer: more often otherwise than at once where the objects speak of that."""
        if _speak_of_answers(changed):
            return ["at once"] * 5 + ["slowly"] * 3 + [RESET, *STATUSES]
        usual = 18 if _speak_of_answers(self.estate.objects) else 60
        return ["at once"] * usual + ["slowly", RESET, "503"]


def _speak_of_answers(objects: list[Resource] | tuple[Resource, ...]) -> bool:
    """Whether time limits, retries or statuses are spoken of."""
    words = (text.lower() for each in objects for text in texts(each))
    return any(part in word for word in words for part in ("timeout", "retr", "outlier", "failure", "status"))

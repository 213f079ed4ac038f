"""Whatever a single change does to requests, `compare` says so: judged by an oracle that shares nothing with it."""

from __future__ import annotations

import re
from random import Random

import pytest

from tests.mutation.estates import shipped, small
from tests.mutation.mutants import Mutation
from tests.mutation.oracle import Run

MUTANTS = {"frontend": 6, "httpbin": 3, "faces": 2, "istio": 2, "linkerd": 2, "istio-tokens": 1}
"""How often an estate is changed, by its name or the first word of it: the smaller, the quicker it is compared."""

REQUESTS = 24
"""How many requests ask a change; `python -m tests.mutation` takes more of both."""

ESTATES = {estate.name: estate for estate in (*small(), *shipped())}


@pytest.mark.parametrize("name", ESTATES)
def test_what_shows_is_no_equal(name: str):
    run = Run(ESTATES[name], Random(name), REQUESTS)
    count = MUTANTS.get(name) or MUTANTS[re.split("[,-]", name)[0]]
    assert list(map(str, run.false_equals(count))) == []


def test_changes_show():
    """The oracle sees something: most changes to a policy make a difference to a request that it draws."""
    estate = ESTATES["istio-policies"]
    run = Run(estate, Random(0), REQUESTS)
    assert len(list(run.differing(10))) >= 5


def test_an_estate_is_as_before_where_nothing_changes():
    estate = ESTATES["linkerd-policies"]
    resource = estate.objects[-1]
    assert estate.changed(resource, resource).state.objects == estate.state.objects


def test_changes_are_of_all_kinds():
    estate = ESTATES["istio-routes"]
    mutation = Mutation(estate.objects, Random(0))
    drawn = [mutant for _ in range(100) if (mutant := mutation.draw())]
    assert {mutant.objects[0].kind for mutant in drawn} >= {"VirtualService", "DestinationRule", "Service"}
    assert all(mutant.old is not mutant.new for mutant in drawn)
    assert any(mutant.old is None for mutant in drawn)
    assert any(mutant.new is None for mutant in drawn)
    added = next(mutant for mutant in drawn if mutant.old is None)
    assert added.new in estate.changed(added.old, added.new).objects

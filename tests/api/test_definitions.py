"""What definitions refuse of objects: by their structural schema, and by their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.api.kubernetes.definition import CustomResourceDefinition
from harness.api.refusal import Refused
from harness.api.schema.structure import check, unevaluated
from harness.base.errors import NotModelledError
from harness.manifests.documents import plain
from tests.model.clusters import resource

if TYPE_CHECKING:
    from harness.base.resources import Resource

SCHEMA = """
type: object
required: [spec]
properties:
  spec:
    type: object
    required: [name]
    x-kubernetes-validations:
    - {rule: "!has(self.low) || !has(self.high) || self.low <= self.high", message: low above high}
    - {rule: "self.name == oldSelf.name", message: name is immutable, fieldPath: .name}
    properties:
      name: {type: string, minLength: 2, maxLength: 5, pattern: '^[a-z]+$'}
      size: {type: integer, minimum: 1, maximum: 9, default: 3}
      mode: {type: string, enum: [Red, Blue]}
      low: {type: integer}
      high: {type: integer}
      port: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
      hosts:
        type: array
        minItems: 1
        maxItems: 2
        items: {type: string, x-kubernetes-validations: [{rule: "!isIP(self)", message: no addresses}]}
      links:
        type: array
        items: {type: string, x-kubernetes-validations: [{rule: "url(self).getScheme() in ['https']"}]}
      parents:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [name, namespace]
        x-kubernetes-validations:
        - rule: "self.all(p, p.__namespace__ != 'forbidden')"
          message: forbidden
          reason: FieldValueForbidden
        items:
          type: object
          properties: {name: {type: string}, namespace: {type: string, default: here}}
      labels:
        type: object
        maxProperties: 2
        additionalProperties: {type: string}
        x-kubernetes-validations:
        - {rule: "self.all(key, key.size() < 4)", messageExpression: "'of ' + string(self.size()) + ' keys'"}
      choice:
        type: object
        properties: {a: {type: string}, b: {type: string}}
        oneOf: [{required: [a]}, {required: [b]}]
      total:
        type: integer
        x-kubernetes-validations: [{rule: "self % 2 == 0", reason: FieldValueInvalid}]
      wait:
        type: string
        x-kubernetes-validations: [{rule: "duration(self) > duration('0s')", message: too short}]
"""


def definition(schema: str = SCHEMA) -> CustomResourceDefinition:
    version = {"name": "v1", "served": True, "schema": {"openAPIV3Schema": plain(schema)}}
    spec = {"group": "example.org", "names": {"kind": "Thing"}, "versions": [version]}
    return CustomResourceDefinition.of(resource("CustomResourceDefinition", "things.example.org", spec))


def thing(spec: str) -> Resource:
    return resource("Thing", "shop/t", f"{{{spec}}}", "example.org/v1")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "spec.name: Required value"),
        ("name: 3", 'spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer"'),
        ("name: a", 'spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long'),
        ("name: abcdef", "spec.name: Too long: may not be more than 5 bytes"),
        ("name: aB", "spec.name: Invalid value: \"aB\": spec.name in body should match '^[a-z]+$'"),
        ("name: ab, size: 0", "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ("name: ab, size: 10", "spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"),
        ("name: ab, mode: Maybe", 'spec.mode: Unsupported value: "Maybe": supported values: "Red", "Blue"'),
        ("name: ab, hosts: []", "spec.hosts: Invalid value: 0: spec.hosts in body should have at least 1 items"),
        ("name: ab, hosts: [a, b, c]", "spec.hosts: Too many: 3: must have at most 2 items"),
        ("name: ab, hosts: [a, 10.0.0.1]", 'spec.hosts[1]: Invalid value: "10.0.0.1": no addresses'),
        ("name: ab, port: []", "spec.port: Invalid value: "),
        ("name: ab, low: 2, high: 1", 'spec: Invalid value: "object": low above high'),
        ("name: ab, parents: [{name: a}, {name: a, namespace: here}]", 'spec.parents[1]: Duplicate value: {"name":"a","namespace":"here"}'),
        ("name: ab, parents: [{name: a, namespace: forbidden}]", "spec.parents: Forbidden: forbidden"),
        ("name: ab, labels: {abcd: x}", 'spec.labels: Invalid value: "object": of 1 keys'),
        ("name: ab, labels: {a: x, b: x, c: x}", "spec.labels: Invalid value: "),
        ("name: ab, choice: {a: x, b: x}", "spec.choice: Invalid value: "),
        ("name: ab, total: 3", "spec.total: Invalid value: 3: failed rule: self % 2 == 0"),
        ("name: ab, wait: 0s", 'spec.wait: Invalid value: "0s": too short'),
        ("name: ab, wait: soon", 'evaluating rule: too short'),
        ("name: ab, links: ['ftp://a']", 'spec.links[0]: Invalid value: "ftp://a": failed rule: '),
    ],
)  # fmt: skip
def test_what_is_refused(spec, words):
    with pytest.raises(Refused) as error:
        check(definition(), thing(spec), None)
    assert error.value.what.startswith('The Thing "t" is invalid: ')
    assert words in error.value.what


@pytest.mark.parametrize(
    "spec",
    [
        "name: ab",
        "name: ab, size: 9, mode: Red, port: http, hosts: [a.b], low: 1, high: 2, unknown: field",
        "name: ab, port: 80, parents: [{name: a}, {name: a, namespace: b}], labels: {abc: x}, total: 4",
        "name: ab, choice: {b: x}, wait: 1m30s, links: ['https://a/b']",
    ],
)
def test_what_is_taken(spec):
    check(definition(), thing(spec), None)


def test_rules_about_changes_are_asked_of_changes():
    before = thing("name: ab")
    check(definition(), thing("name: ab, size: 4"), before)
    with pytest.raises(Refused, match=r"spec.name: Invalid value: .*: name is immutable"):
        check(definition(), thing("name: cd"), before)


UNKNOWN = SCHEMA.replace("self % 2 == 0", "quantity(self).isGreaterThan(self)")


def test_rules_that_cannot_be_evaluated_are_named():
    assert unevaluated(definition(), "v1") == ()
    assert unevaluated(definition(UNKNOWN), "v1") == ("spec.total: quantity(self).isGreaterThan(self)",)
    check(definition(UNKNOWN), thing("name: ab, total: 3"), None)


def test_a_rule_that_fails_the_engine_is_no_refusal():
    rule = "self.all(key, key > 3)"
    schema = SCHEMA.replace("self.all(key, key.size() < 4)", rule)
    with pytest.raises(NotModelledError, match="a rule of its definition can't be evaluated"):
        check(definition(schema), thing("name: ab, labels: {a: x}"), None)


def test_a_version_without_a_schema_refuses_nothing():
    spec = {"group": "example.org", "names": {"kind": "Thing"}, "versions": [{"name": "v1", "served": True}]}
    bare = CustomResourceDefinition.of(resource("CustomResourceDefinition", "things.example.org", spec))
    check(bare, thing("anything: 1"), None)
    assert unevaluated(bare, "v1") == ()


def test_a_schema_that_is_none_is_refused():
    with pytest.raises(Refused) as caught:
        check(definition(SCHEMA.replace("{type: integer}", "{type: numeral}")), thing("name: ab"), None)
    assert "is invalid: spec.versions: the schema of v1 is none" in caught.value.what

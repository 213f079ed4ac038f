"""The JSON schema of scenario files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.expectations import DURING, KINDS
from harness.scenario.entries import INSTEAD
from harness.scenario.models import ScenarioFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.expectations import Expectation


ID = "urn:mesh-migration-harness:scenario"
"""The schema's name, by which editors and validators know it wherever it lies."""


def scenario_schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) that editors can complete and check scenario files with.

    It says what stands in one file; that the names in it exist only the loader can tell.
    """
    schema = ScenarioFile.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    expectation = _entries("Expectation", KINDS, definitions)
    schema["properties"]["always"] = expectation
    schema["properties"]["during"] = _entries("Meanwhile", DURING, definitions)
    definitions["StageFile"]["properties"]["expect"] = expectation
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID, **schema}


def _entries(
    title: str, kinds: Mapping[str, type[Expectation]], definitions: dict[str, Any]
) -> dict[str, Any]:
    """The schema of a list of expectations of these kinds, whose definitions are added."""
    own: dict[str, Any] = {}
    for name, kind in kinds.items():
        model = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= model.pop("$defs", {})
        definitions[kind.__name__] = model
        own[name] = {"$ref": f"#/$defs/{kind.__name__}"}
    text = {"type": "string"}
    some = {
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in kinds],
    }
    beside: dict[str, Any] = {"name": text}
    if kinds is KINDS:
        definitions["Instead"] = {**some, "properties": {"because": text, **own}, "required": ["because"]}
        beside[INSTEAD] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Instead"}}
    definitions[title] = {**some, "properties": {**beside, **own}}
    return {"type": "array", "items": {"$ref": f"#/$defs/{title}"}}

"""The JSON schema of scenario files."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.expectations import DURING, KINDS
from harness.scenario.entries import INSTEAD
from harness.scenario.models import ScenarioFile
from harness.scenario.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel


ID = "urn:mesh-migration-harness:scenario"
"""The schema's name, by which editors and validators know it wherever it lies."""


def scenario_schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) that editors can complete and check scenario files with.

    It says what stands in one file; that the names in it exist only the loader can tell.
    """
    schema = ScenarioFile.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    text = {"type": "string"}
    because = {"because": text, **_models(KINDS, definitions)}
    definitions["Instead"] = {**_some(KINDS), "properties": because, "required": ["because"]}
    instead = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Instead"}}
    expectation = _entries("Expectation", KINDS, definitions, {"name": text, INSTEAD: instead})
    schema["properties"]["always"] = expectation
    schema["properties"]["during"] = _entries("Meanwhile", DURING, definitions, {"name": text})
    definitions["StageFile"]["properties"]["expect"] = expectation
    step = _entries("Step", STEPS, definitions)
    for model in ("StageFile", "TransitionFile"):
        definitions[model]["properties"]["do"] = step
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID, **schema}


def _entries(
    title: str,
    kinds: Mapping[str, type[BaseModel]],
    definitions: dict[str, Any],
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The schema of a list of entries, each of one of these kinds, whose definitions are added."""
    if not kinds:
        return {"type": "array", "maxItems": 0}
    definitions[title] = {**_some(kinds), "properties": {**beside, **_models(kinds, definitions)}}
    return {"type": "array", "items": {"$ref": f"#/$defs/{title}"}}


def _some(kinds: Iterable[str]) -> dict[str, Any]:
    """What an entry of exactly one of these kinds is."""
    return {
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in kinds],
    }


def _models(kinds: Mapping[str, type[BaseModel]], definitions: dict[str, Any]) -> dict[str, Any]:
    """References to the kinds' models, by their names."""
    for kind in kinds.values():
        model = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= model.pop("$defs", {})
        definitions[kind.__name__] = model
    return {name: {"$ref": f"#/$defs/{kind.__name__}"} for name, kind in kinds.items()}

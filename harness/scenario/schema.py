"""The JSON schema of scenario files."""

from __future__ import annotations

from typing import Any

from harness.expectations import KINDS
from harness.scenario.models import ScenarioFile


def scenario_schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) that editors can complete and check scenario files with.

    It says what stands in one file; that the names in it exist only the loader can tell.
    """
    schema = ScenarioFile.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    properties: dict[str, Any] = {"name": {"type": "string"}}
    for name, kind in KINDS.items():
        model = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= model.pop("$defs", {})
        definitions[kind.__name__] = model
        properties[name] = {"$ref": f"#/$defs/{kind.__name__}"}
    definitions["Expectation"] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in KINDS],
    }
    one = {"type": "array", "items": {"$ref": "#/$defs/Expectation"}}
    schema["properties"]["always"] = one
    definitions["StageFile"]["properties"]["expect"] = one
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

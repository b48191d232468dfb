"""What pydantic asks of a validator in `Annotated`. Imported by pydantic's own question, never before."""

from __future__ import annotations

from typing import Any

from pydantic_core import core_schema as schemas

from botsec.validate._rules import admits_none, or_none


def core_schema(validator: Any, source: Any, handler: Any) -> Any:
    """The validator on the raw value, then what the annotated type asks for: leniency sees nothing else."""
    check = or_none(validator.check) if admits_none(source) else validator.check
    return schemas.no_info_before_validator_function(check, handler(source))


def json_schema(schema: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The inner schema with what the validator adds, beside `null` where the type admits it."""
    if "anyOf" in schema:
        branches = schema["anyOf"]
        return schema | {"anyOf": [branch if _is_null(branch) else json_schema(branch, own) for branch in branches]}
    merged = schema | own
    # A validator for two types is as strict as the type that it annotates.
    if isinstance(own.get("type"), list) and schema.get("type") in own["type"]:
        merged["type"] = schema["type"]
    return merged


def _is_null(branch: dict[str, Any]) -> bool:
    return branch.get("type") == "null"

"""What pydantic asks of a validator in `Annotated`. Imported by pydantic's own question, never before."""

from __future__ import annotations

from typing import Any

from pydantic_core import core_schema as schemas

from botsec.validate._rules import admits_none, or_none


def core_schema(validator: Any, source: Any, handler: Any) -> Any:
    """The validator on the raw value, then what the annotated type asks for: leniency sees nothing else."""
    check = or_none(validator.check) if admits_none(source) else validator.check
    return schemas.no_info_before_validator_function(check, handler(source))

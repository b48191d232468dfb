"""What Python 3.14's t-strings give, for every Python: PEP 750."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interpolation:
    """A value of a template."""

    value: Any
    expression: str = ""
    conversion: str | None = None
    format_spec: str = ""


@dataclass(frozen=True)
class Template:
    """Literal parts, and what stands between them."""

    strings: tuple[str, ...]
    interpolations: tuple[Interpolation, ...]


def template(*parts: Any) -> Template:
    """A template of literal parts and values in turn; a tuple is a value with expression, conversion and format."""
    values = [part if isinstance(part, tuple) else (part, "value") for part in parts[1::2]]
    return Template(tuple(parts[::2]), tuple(Interpolation(*value) for value in values))

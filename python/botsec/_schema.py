"""`schema=`: whoever judges a body or an answer, behind one function. No library is imported for it.

What a judge says when it refuses quotes what it judged: nothing of it is kept but the places and kinds of faults.
"""

from __future__ import annotations

import sys
from itertools import islice

from botsec.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    Path: TypeAlias = list[str | int]
    Fault: TypeAlias = tuple[Path, str, str | None]
    Verdict: TypeAlias = tuple[Any, list[Fault]]
    Judge: TypeAlias = Callable[[bytes, Any], Verdict]

__all__ = ["judge"]

MAX_FAULTS = 8
"""Most faults that are told: the first ones explain the rest."""

MAX_PLACE = 10**9
"""Larger than any list; a larger number is no place in one."""

MAX_DEPTH = 32
"""Most parts of a path that are told."""

WRONG = (
    "`schema` takes a pydantic model or TypeAdapter, a msgspec Struct, a JSON Schema validator such as "
    "jsonschema_rs.validator_for(schema), or a callable, not {}."
)


def judge(schema: Any) -> Judge:
    """Return what takes a body's bytes and their parsed value, and gives what is made of them and no faults, or faults.

    Raises:
        TypeError: The schema is none.
    """
    if issubclass(type(schema), type):
        return _attempts(_model(schema))
    if hasattr(schema, "__origin__"):
        # `list[User]` and its kin are callable and judge nothing.
        raise TypeError(WRONG.format("a generic alias: wrap it in pydantic.TypeAdapter"))
    if callable(validate_json := getattr(schema, "validate_json", None)):
        return _attempts(lambda raw, _: validate_json(raw))
    if callable(schema):
        return _called(schema)
    if callable(getattr(schema, "is_valid", None)):
        return lambda _, value: _validated(schema, value)
    raise TypeError(WRONG.format(type(schema).__name__))


def _model(schema: Any) -> Callable[[bytes, Any], Any]:
    if callable(read := getattr(schema, "model_validate_json", None)):
        return lambda raw, _: read(raw)
    if (validator := getattr(schema, "__pydantic_validator__", None)) is not None:
        return lambda raw, _: validator.validate_json(raw)
    msgspec = sys.modules.get("msgspec")
    if msgspec is not None and issubclass(schema, msgspec.Struct):
        return lambda raw, _: msgspec.json.decode(raw, type=schema)
    raise TypeError(WRONG.format("a class that checks nothing: wrap it in pydantic.TypeAdapter"))


def _called(schema: Callable[[Any], Any]) -> Judge:
    def call(_: bytes, value: Any) -> Verdict:
        try:
            told = schema(value)
        except Exception as error:
            return None, _faults(error)
        if hasattr(told, "__await__"):
            # It would count as a yes. Closed, or Python warns of a coroutine that was never awaited.
            if hasattr(told, "close"):
                told.close()
            raise TypeError("`schema` takes a function that judges at once, not an async one.")
        if told is False:
            return None, [([], "refused", None)]
        return value if told is None or told is True else told, []

    return call


def _attempts(run: Callable[[bytes, Any], Any]) -> Judge:
    def attempt(raw: bytes, value: Any) -> Verdict:
        try:
            return run(raw, value), []
        except Exception as error:
            return None, _faults(error)

    return attempt


def _validated(schema: Any, value: Any) -> Verdict:
    try:
        if schema.is_valid(value) is True:
            return value, []
        errors = getattr(schema, "iter_errors", lambda _: ())(value)
        return None, [_fault(error) for error in islice(errors, MAX_FAULTS)] or [([], "refused", None)]
    except Exception as error:
        return None, _faults(error)


def _faults(error: Exception) -> list[Fault]:
    try:
        if callable(errors := getattr(error, "errors", None)):
            told = errors(include_url=False, include_context=False, include_input=False)
            return [(_path(each["loc"]), str(each["type"]), None) for each in islice(told, MAX_FAULTS)]
        if isinstance(error, InputError) and error.errors:
            return [(list(_split(path or "")), error.code, expected) for path, expected in error.errors[:MAX_FAULTS]]
        return [_fault(error)]
    except Exception:
        return [([], type(error).__name__, None)]


def _fault(error: Exception) -> Fault:
    if isinstance(error, InputError):
        return list(_split(error.path or "")), error.code, error.expected
    if hasattr(error, "instance_path"):
        return _path(error.instance_path), str(getattr(error.kind, "name", "refused")), None  # type: ignore[attr-defined]
    if hasattr(error, "absolute_path"):
        return _path(error.absolute_path), str(getattr(error, "validator", "refused")), None
    if type(error).__module__ == "msgspec":
        # "… - at `$.a[0].b`": its keys are the Struct's own names.
        _, found, path = str(error).rpartition(" - at `$")
        named = found and path.endswith("`")
        return list(_split(path[:-1])) if named else [], type(error).__name__, None
    return [], type(error).__name__, None


def _path(parts: Iterable[Any]) -> Path:
    return [_part(part) for part in islice(parts, MAX_DEPTH)]


def _part(part: Any) -> str | int:
    if type(part) is int and 0 <= part < MAX_PLACE:
        return part
    return part if type(part) is str else "*"


def _split(text: str) -> Iterator[str | int]:
    """Cut `a[0].b` into its parts; what stands between brackets and is no number is a key of the input."""
    for part in text.replace("[", ".[").split(".", MAX_DEPTH)[:MAX_DEPTH]:
        inner = part[1:-1]
        if part.startswith("["):
            yield _part(int(inner)) if inner.isascii() and inner.isdigit() and len(inner) < 10 else "*"
        elif part:
            yield part

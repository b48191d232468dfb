"""Annotations as rules: a value in, the value out, or refusals.

Reads botsec's validators and, by their attributes alone, the constraints of `annotated_types`, of pydantic's `Field`
and of `msgspec.Meta`; none of these is imported.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, ForwardRef, Literal, TypeAlias, Union, get_args, get_origin

from botsec import _core
from botsec.errors import InputError

# A rule returns the value, or raises InputError.
Rule: TypeAlias = Callable[[Any], Any]

# Bounds as annotated_types, pydantic and msgspec name them, and how messages say them.
_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "gt": (lambda value, bound: value > bound, "more than {}"),
    "ge": (lambda value, bound: value >= bound, "at least {}"),
    "lt": (lambda value, bound: value < bound, "less than {}"),
    "le": (lambda value, bound: value <= bound, "at most {}"),
    "multiple_of": (lambda value, bound: value % bound == 0, "a multiple of {}"),
    "min_length": (lambda value, bound: len(value) >= bound, "at least {} long"),
    "max_length": (lambda value, bound: len(value) <= bound, "at most {} long"),
}
# Metadata of annotated_types that restricts nothing.
_SILENT = {"Unit", "DocInfo"}


def rule(annotation: Any, seen: tuple[Any, ...] = ()) -> Rule | None:
    """The rule of an annotation, or None when nothing in it restricts values.

    Raises:
        TypeError: A constraint is not understood: better now than never checked.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = arguments
        return _annotated(inner, metadata, seen)
    if origin is Union or origin is types.UnionType:
        return _union(arguments, seen)
    # `type UserId = Annotated[…]` and NewType hide what they name.
    named = getattr(annotation, "__value__", None) or getattr(annotation, "__supertype__", None)
    if named is not None:
        found = None if annotation in seen else rule(named, (*seen, annotation))
        if found is not None and _names(named, annotation):
            raise TypeError("A type that names itself and holds a validator is not understood.")
        return found
    if origin in (list, set, frozenset) or (origin is tuple and arguments[1:] == (...,)):
        one = rule(arguments[0], seen)
        return one and _each(origin, one)
    if origin is dict:
        key, value = (rule(argument, seen) for argument in arguments)
        return _items(key or _anything, value or _anything) if key or value else None
    if any(rule(argument, seen) for argument in arguments):
        raise TypeError(f"A validator inside {getattr(origin, '__name__', 'this type')}[…] would never be asked.")
    return None


def _names(annotation: Any, name: Any) -> bool:
    """Whether a type holds another, or a text that may stand for it."""
    if get_origin(annotation) is Literal:
        return False
    arguments = get_args(annotation)
    return any(one is name or isinstance(one, (str, ForwardRef)) or _names(one, name) for one in arguments)


def place(outer: str, inner: str | None) -> str:
    """The path of a value within another."""
    if not inner:
        return outer
    return outer + inner if inner.startswith("[") else f"{outer}.{inner}"


def collect(one: Rule, value: Any, at: str, errors: list[tuple[str | None, str]]) -> Any:
    """What the rule returns; or None, and its refusals are added under the path `at`."""
    try:
        return one(value)
    except InputError as error:
        pairs = error.errors or ((error.path, error.expected or "another value"),)
        errors += [(place(at, path), expected) for path, expected in pairs]
        return None


def _each(kind: Any, one: Rule) -> Rule:
    def each(values: Any) -> Any:
        if type(values) is not kind:
            raise _core.input_error([(None, f"a {kind.__name__}")])
        errors: list[tuple[str | None, str]] = []
        made = [
            collect(one, value, f"[{at}]" if kind in (list, tuple) else "[]", errors) for at, value in enumerate(values)
        ]
        if errors:
            raise _core.input_error(errors)
        return kind(made)

    return each


def _items(key: Rule, value: Rule) -> Rule:
    def items(values: Any) -> Any:
        if type(values) is not dict:
            raise _core.input_error([(None, "a mapping")])
        errors: list[tuple[str | None, str]] = []
        # A stranger chose the keys: no message names one.
        made = {collect(key, k, "[]", errors): collect(value, v, "[]", errors) for k, v in values.items()}
        if errors:
            raise _core.input_error(errors)
        return made

    return items


def _annotated(inner: Any, metadata: list[Any], seen: tuple[Any, ...]) -> Rule | None:
    parts = list(_flat(metadata))
    validators = [part for part in parts if isinstance(part, _core.Validator)]
    checks = [check for part in parts if not isinstance(part, _core.Validator) for check in _checks(part)]
    inside = rule(inner, seen)
    rules: list[Rule] = [inside] if inside is not None else []
    if checks:
        # A bound means little before the type is known: `"10" > "9"` is false, and True is at least 1.
        rules += [*_typed(inner), *(_rule(*check) for check in checks)]
    elif validators and admits_none(inner):
        return or_none(_chain([validator.check for validator in validators]))
    rules += [validator.check for validator in validators]
    if checks and admits_none(inner):
        return or_none(_chain(rules))
    return _chain(rules) if rules else None


def _chain(rules: list[Rule]) -> Rule:
    if len(rules) == 1:
        return rules[0]

    def chained(value: Any) -> Any:
        for one in rules:
            value = one(value)
        return value

    return chained


def or_none(inside: Rule) -> Rule:
    """The rule, with None beside what it takes."""
    return lambda value: None if value is None else inside(value)


def admits_none(annotation: Any) -> bool:
    """Whether an annotation says that None may stand there."""
    return annotation is None or annotation is type(None) or type(None) in get_args(annotation)


def _union(members: tuple[Any, ...], seen: tuple[Any, ...]) -> Rule | None:
    """The first member that takes the value; members without constraints take what is of their type."""
    rules = [rule(member, seen) for member in members]
    if not any(rules):
        return None
    pairs = [pair for pair in zip(members, rules, strict=True) if pair[0] is not type(None)]
    tries = [one if one is not None else _chain(_typed(member) or [_anything]) for member, one in pairs]

    nullable = type(None) in members

    def union(value: Any) -> Any:
        if nullable and value is None:
            return None
        expected = []
        for one in tries:
            try:
                return one(value)
            except InputError as error:
                expected.append(error.expected or "another value")
        raise _core.input_error([(None, " or ".join(dict.fromkeys(expected)))])

    return union


def _anything(value: Any) -> Any:
    return value


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Single constraints: groups such as `Interval` and `Len`, and pydantic's `Field`, hold several."""
    for part in metadata:
        if getattr(part, "__is_annotated_types_grouped_metadata__", False):
            yield from _flat(part)
        elif type(part).__module__ == "pydantic.fields":
            yield from _flat(part.metadata)
        else:
            yield part


def _checks(part: Any) -> Iterator[tuple[Callable[[Any], bool], str]]:
    if isinstance(part, type) and issubclass(part, _core.Validator):
        raise TypeError(f"Write {part.__name__}() in Annotated: the class alone checks nothing.")
    module = type(part).__module__.partition(".")[0]
    name = type(part).__name__
    if module not in ("annotated_types", "msgspec", "pydantic"):
        return
    known = name in _SILENT or (module == "msgspec" and name == "Meta" and part.tz is None)
    for bound, (holds, said) in _BOUNDS.items():
        limit = getattr(part, bound, None)
        if limit is not None and not callable(limit):
            known = True
            yield _bound(holds, limit), said.format(limit)
    pattern = getattr(part, "pattern", None)
    if isinstance(pattern, str):
        known = True
        # Both search for it anywhere in the text.
        yield _core.Pattern(rf"(?s:.*)(?:{pattern})(?s:.*)", max=65536).is_valid, "a text of the expected form"
    if module == "annotated_types" and name == "Predicate":
        known = True
        yield part.func, "a value that is accepted here"
    if module == "annotated_types" and name == "Not":
        known = True
        yield part, "a value that is accepted here"
    if not known:
        raise TypeError(f"The constraint {name} of {module} is not understood by validate.checked.")


def _bound(holds: Callable[[Any, Any], bool], limit: Any) -> Callable[[Any], bool]:
    return lambda value: holds(value, limit)


def _rule(holds: Callable[[Any], bool], expected: str) -> Rule:
    def check(value: Any) -> Any:
        try:
            fits = bool(holds(value))
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            # A predicate such as `str.islower` on what is no text.
            fits = False
        if not fits:
            raise _core.input_error([(None, expected)])
        return value

    return check


def _typed(annotation: Any) -> list[Rule]:
    """What a value's type must be, where the annotation says it plainly."""
    plain: dict[type, _core.Validator[Any]] = {int: _core.Int(), float: _core.Float(), str: _core.Str()}
    if annotation in (Any, object):
        return []
    if isinstance(annotation, type) and annotation in plain:
        return [plain[annotation].check]
    if get_origin(annotation) is Literal:
        wanted = [(type(one), one) for one in get_args(annotation)]
        return [_rule(lambda value: (type(value), value) in wanted, "one of the values that are offered")]
    if get_origin(annotation) is Union or get_origin(annotation) is types.UnionType:
        typed = [_typed(member) for member in get_args(annotation)]
        return [_union_of(typed)] if all(typed) else []
    if annotation is None:
        annotation = type(None)
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return []
    return [_rule(lambda value: isinstance(value, kind), f"a value of type {kind.__name__}")]


def _union_of(typed: list[list[Rule]]) -> Rule:
    def fits(value: Any) -> bool:
        for rules in typed:
            try:
                _chain(rules)(value)
            except InputError:
                continue
            return True
        return False

    return _rule(fits, "a value of another type")

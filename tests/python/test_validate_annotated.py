"""Validators in `Annotated`: on handlers, in pydantic models, in msgspec structs, with `annotated_types`."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import subprocess
import sys
from typing import Annotated, Any, Literal

import annotated_types as at
import attrs
import jsonschema_rs
import msgspec
import pydantic
import pytest
from botsec import InputError, validate

UserId = Annotated[str, validate.Snowflake()]
ID = "80351110224678912"


def refusals(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return caught.value.errors


@validate.checked
def ban(user: UserId, days: Annotated[int, validate.Int(0, 7)] = 1, *, reason: str = "") -> tuple[Any, ...]:
    """Ban somebody."""
    return user, days, reason


def test_a_handler_gets_what_fits():
    assert ban(ID) == (ID, 1, "")
    assert ban(ID, 7, reason="<x>") == (ID, 7, "<x>")
    assert ban(days=3, user=ID) == (ID, 3, "")


def test_a_handler_never_sees_what_does_not_fit():
    assert refusals(ban, "x", 8) == (("user", "a numeric id"), ("days", "a whole number from 0 to 7"))
    assert refusals(ban, ID, True) == (("days", "a whole number from 0 to 7"),)
    with pytest.raises(TypeError):
        ban()
    with pytest.raises(TypeError):
        ban(ID, 1, 2)


def test_name_signature_and_kind_stay():
    assert ban.__name__ == "ban"
    assert ban.__doc__ == "Ban somebody."
    assert list(inspect.signature(ban).parameters) == ["user", "days", "reason"]
    assert not inspect.iscoroutinefunction(ban)


def test_coroutine_functions_stay_coroutine_functions():
    @validate.checked
    async def handler(days: Annotated[int, validate.Int(0, 7)]) -> int:
        await asyncio.sleep(0)
        return days

    assert inspect.iscoroutinefunction(handler)

    async def run():
        assert await handler(3) == 3
        assert await asyncio.create_task(handler(days=4)) == 4
        with pytest.raises(InputError):
            await handler(8)

    asyncio.run(run())


def test_generators_stay_generators():
    @validate.checked
    def count(to: Annotated[int, validate.Int(0, 3)]):
        got = yield from range(to)
        return got

    @validate.checked
    async def acount(to: Annotated[int, validate.Int(0, 3)]):
        for n in range(to):
            yield n

    assert inspect.isgeneratorfunction(count)
    assert inspect.isasyncgenfunction(acount)
    assert list(count(2)) == [0, 1]
    assert refusals(lambda: list(count(9)))

    async def run():
        assert [n async for n in acount(2)] == [0, 1]
        with pytest.raises(InputError):
            [n async for n in acount(9)]

    asyncio.run(run())


def test_an_async_generator_that_is_left_early_is_closed():
    closed = []

    @validate.checked
    async def numbers(to: Annotated[int, validate.Int(0, 3)]):
        try:
            for n in range(to):
                yield n
        finally:
            closed.append(True)

    async def run():
        generator = numbers(3)
        assert await generator.asend(None) == 0
        await generator.aclose()

    asyncio.run(run())
    assert closed == [True]


def test_methods_and_static_methods():
    class Cog:
        @validate.checked
        def plain(self, n: Annotated[int, validate.Int(0, 1)]):
            return self, n

        @classmethod
        @validate.checked
        def of_class(cls, n: Annotated[int, validate.Int(0, 1)]):
            return cls, n

        @staticmethod
        @validate.checked
        def static(n: Annotated[int, validate.Int(0, 1)]):
            return n

    cog = Cog()
    assert cog.plain(1) == (cog, 1)
    assert Cog.of_class(1) == (Cog, 1)
    assert cog.static(n=1) == 1
    for call in (cog.plain, Cog.of_class, cog.static):
        assert refusals(call, 2) == (("n", "a whole number from 0 to 1"),)
    with pytest.raises(TypeError, match="below"):
        validate.checked(staticmethod(lambda n: n))


def test_optional_parameters_take_none():
    @validate.checked
    def old(a: Annotated[int, validate.Int(0, 9)] | None = None, b: Annotated[int | None, validate.Int(0, 9)] = None):
        return a, b

    assert old() == (None, None)
    assert old(None, None) == (None, None)
    assert old(1, 2) == (1, 2)
    assert refusals(old, 10, 10) == (("a", "a whole number from 0 to 9"), ("b", "a whole number from 0 to 9"))


def test_defaults_are_the_programmers():
    @validate.checked
    def handler(n: Annotated[int, validate.Int(0, 9)] = -1):
        return n

    assert handler() == -1
    assert refusals(handler, -1)


def test_every_value_of_args_and_kwargs_is_checked():
    @validate.checked
    def handler(*ids: UserId, **limits: Annotated[int, validate.Int(0, 9)]):
        return ids, limits

    assert handler(ID, ID, a=1) == ((ID, ID), {"a": 1})
    # A stranger may have chosen the keyword.
    assert refusals(handler, ID, "x", evil=10) == (
        ("ids[1]", "a numeric id"),
        ("limits", "a whole number from 0 to 9"),
    )


def test_what_a_validator_returns_is_what_the_handler_gets():
    @validate.checked
    def handler(n: Annotated[int, validate.Int(0, 9, text=True)], mail: Annotated[str, validate.Email()]):
        return n, mail

    assert handler("7", "a@bücher.de") == (7, "a@xn--bcher-kva.de")


def test_a_record_names_the_inner_field():
    @validate.checked
    def handler(body: Annotated[dict, validate.Record({"n": validate.Int(0, 9)})]):
        return body

    assert handler({"n": 1}) == {"n": 1}
    assert refusals(handler, {"n": 10}) == (("body.n", "a whole number from 0 to 9"),)


def test_unions_take_the_first_member_that_fits():
    Either = Annotated[int, validate.Int(0, 9)] | Annotated[str, validate.Slug()] | Literal["*"]

    @validate.checked
    def handler(value: Either):
        return value

    assert [handler(v) for v in (3, "a-b", "*")] == [3, "a-b", "*"]
    for bad in (10, "A", True, None, 1.0):
        assert len(refusals(handler, bad)) == 1


def annotated(annotation):
    """A handler of one value so annotated."""

    def handler(value):
        return value

    handler.__annotations__["value"] = annotation
    return validate.checked(handler)


def test_items_of_containers_are_checked():
    digit = Annotated[int, validate.Int(0, 9)]
    numbers = annotated(list[digit])
    assert numbers([1, 2]) == [1, 2]
    assert refusals(numbers, [1, 10, True]) == (
        ("value[1]", "a whole number from 0 to 9"),
        ("value[2]", "a whole number from 0 to 9"),
    )
    assert refusals(numbers, (1, 2)) == (("value", "a list"),)
    assert annotated(tuple[digit, ...])((1, 2)) == (1, 2)
    assert annotated(frozenset[digit])(frozenset({1})) == {1}
    scores = annotated(dict[Annotated[str, validate.Slug()], digit] | None)
    assert scores({"a": 1}) == {"a": 1}
    assert scores(None) is None
    assert "EVIL" not in str(refusals(annotated(dict[Annotated[str, validate.Slug()], digit]), {"EVIL": 10}))
    nested = annotated(list[Annotated[dict, validate.Record({"n": validate.Int(0, 9)})]])
    assert refusals(nested, [{"n": 10}]) == (("value[0].n", "a whole number from 0 to 9"),)
    limited = annotated(Annotated[list[digit], at.Len(1, 2)])
    assert limited([1]) == [1]
    assert refusals(limited, [])
    assert refusals(limited, [10])


@pytest.mark.parametrize("kind", [tuple[Annotated[int, validate.Int()], str], type[Annotated[int, validate.Int()]]])
def test_a_validator_that_nobody_would_ask_is_wrong_use(kind):
    with pytest.raises(TypeError, match="never be asked"):
        annotated(kind)


def test_new_types_are_read():
    import typing

    Number = typing.NewType("Number", Annotated[int, validate.Int(0, 9)])
    assert annotated(Number)(3) == 3
    assert refusals(annotated(Number), 10)


def test_named_types_are_read():
    from typing_extensions import TypeAliasType

    digit = TypeAliasType("digit", Annotated[int, validate.Int(0, 9)])
    assert refusals(annotated(digit), 10)
    # In such a type as JSON's no validator hides; in another it would be asked on the first level alone.
    json_value = TypeAliasType("json_value", dict[str, "json_value"] | int)
    with pytest.raises(TypeError, match="no validator"):
        annotated(json_value)
    tree = TypeAliasType("tree", list["tree"] | Annotated[int, validate.Int(0, 9)])
    with pytest.raises(TypeError):
        annotated(tree)


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Annotated[int, at.Ge(1), at.Le(5)], [1, 5], [0, 6, True, "3", 1.0, None]),
        (Annotated[int, at.Gt(1), at.Lt(5)], [2, 4], [1, 5]),
        (Annotated[float, at.Interval(gt=0, le=1)], [0.5, 1.0], [0.0, 1.1, float("nan"), "0.5", True]),
        (Annotated[int, at.MultipleOf(3)], [0, 9], [1, True]),
        (Annotated[str, at.Len(1, 3)], ["a", "abc"], ["", "abcd", ["a"], None]),
        (Annotated[str, at.MinLen(2)], ["ab"], ["a"]),
        (Annotated[list, at.MaxLen(2)], [[], [1, 2]], [[1, 2, 3], "ab"]),
        (Annotated[str, at.Predicate(str.islower)], ["ab"], ["AB", 5]),
        (Annotated[object, at.Predicate(str.islower)], ["ab"], ["AB", 5]),
        (Annotated[str, at.Not(str.islower)], ["AB"], ["ab"]),
        (Annotated[str, at.Len(1, 5), validate.Slug()], ["a-b"], ["a_b", "abcdef", ""]),
        (Annotated[str, msgspec.Meta(pattern="^a", max_length=3)], ["ab"], ["ba", "abcd"]),
        (Annotated[int, msgspec.Meta(ge=1)], [1], [0, True]),
        (Annotated[int, pydantic.Field(ge=1, le=3)], [1], [0, 4, True]),
        (Annotated[int | None, at.Ge(1)], [None, 1], [0, "1"]),
        (Annotated[str, at.Len(1, 3), "a note"], ["a"], [""]),
    ],
)
def test_constraints_of_others_are_read(annotation, good, bad):
    handler = annotated(annotation)
    for value in good:
        assert handler(value) == value
    for value in bad:
        assert refusals(handler, value)[0][0] == "value"


def test_a_constraint_that_is_not_understood_is_refused_at_decoration():
    with pytest.raises(TypeError, match="Timezone"):
        annotated(Annotated[object, at.Timezone(None)])
    with pytest.raises(TypeError, match="Meta"):
        annotated(Annotated[object, msgspec.Meta(tz=True)])
    with pytest.raises(TypeError, match=r"Write Slug\(\)"):
        annotated(Annotated[str, validate.Slug])
    with pytest.raises(TypeError, match="no validator"):
        validate.checked(lambda value: value)


class Model(pydantic.BaseModel):
    days: Annotated[int, validate.Int(0, 7)]
    mail: Annotated[str, validate.Email()] = "a@b.de"
    maybe: Annotated[str | None, validate.Slug()] = None


def test_pydantic_asks_the_validator_first():
    assert Model(days=7).days == 7
    assert Model.model_validate_json('{"days": 1, "mail": "a@bücher.de", "maybe": null}').mail == "a@xn--bcher-kva.de"
    for bad in (True, "1", 1.0, b"1", 8, " 1 ", None):
        with pytest.raises(pydantic.ValidationError) as caught:
            Model(days=bad)
        assert caught.value.errors()[0]["msg"] == "Value error, This must be a whole number from 0 to 7."
        with pytest.raises(pydantic.ValidationError):
            Model.model_validate({"days": bad})
    with pytest.raises(pydantic.ValidationError):
        Model(days=1, maybe="A")


def test_pydantics_json_schema_says_what_fits():
    schema = Model.model_json_schema()["properties"]
    assert (schema["days"]["type"], schema["days"]["minimum"], schema["days"]["maximum"]) == ("integer", 0, 7)
    assert schema["mail"]["format"] == "idn-email"
    assert pydantic.TypeAdapter(Annotated[str, validate.Uuid()]).json_schema() == {"type": "string", "format": "uuid"}
    assert [branch["type"] for branch in schema["maybe"]["anyOf"]] == ["string", "null"]
    assert "type" not in schema["maybe"] and "pattern" in schema["maybe"]["anyOf"][0]
    fits = jsonschema_rs.validator_for(Model.model_json_schema()).is_valid
    for maybe, good in ((None, True), ("a-slug", True), ("No Slug", False), (7, False)):
        assert fits({"days": 1, "maybe": maybe}) is good
    for kind, name in ((str, "string"), (int, "integer")):
        assert pydantic.TypeAdapter(Annotated[kind, validate.Snowflake()]).json_schema()["type"] == name


def test_pydantic_converts_only_what_passed():
    import datetime
    import uuid

    when = pydantic.TypeAdapter(Annotated[datetime.datetime, validate.DateTime()])
    assert when.validate_python("2026-12-31T23:59:59Z").year == 2026
    with pytest.raises(pydantic.ValidationError):
        when.validate_python("2026-12-31T23:59:59")
    one = pydantic.TypeAdapter(Annotated[uuid.UUID, validate.Uuid()])
    with pytest.raises(pydantic.ValidationError):
        one.validate_python("{3f2504e0-4f89-11d3-9a0c-0305e82c3301}")


class Struct(msgspec.Struct):
    days: Annotated[int, validate.Int(0, 7)]
    mail: Annotated[str, validate.Email()] = "a@b.de"

    def __post_init__(self):
        validate.fields(self)


def test_msgspec_structs_are_checked_as_they_are_decoded():
    assert msgspec.json.decode(b'{"days": 7}', type=Struct).days == 7
    with pytest.raises(msgspec.ValidationError, match="`days` must be a whole number from 0 to 7"):
        msgspec.json.decode(b'{"days": 8}', type=Struct)
    assert refusals(Struct, 8, "x") == (("days", "a whole number from 0 to 7"), ("mail", "an e-mail address"))


@dataclasses.dataclass
class Data:
    days: Annotated[int, validate.Int(0, 7)]

    def __post_init__(self):
        validate.fields(self)


@attrs.define
class Attrs:
    days: Annotated[int, validate.Int(0, 7)]

    def __attrs_post_init__(self):
        validate.fields(self)


@pytest.mark.parametrize("cls", [Data, Attrs])
def test_dataclasses_and_attrs_classes_are_checked_as_they_are_made(cls):
    assert cls(7).days == 7
    assert refusals(cls, True) == (("days", "a whole number from 0 to 7"),)


def test_a_class_without_validators_is_wrong_use():
    class Plain:
        days: int = 1

    with pytest.raises(TypeError):
        validate.fields(Plain())


def test_validate_imports_no_library_of_others():
    code = """
import json, sys
import botsec
before = "botsec.validate" in sys.modules
validator = botsec.validate.Int(0, 7)
from typing import Annotated
def f(a: Annotated[int, validator]): return a
botsec.validate.checked(f)(1)
names = [n for n in ("pydantic", "pydantic_core", "msgspec", "attrs", "annotated_types", "asyncio", "logging") if n in sys.modules]
print(json.dumps([before, names]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [False, []]

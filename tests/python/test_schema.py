"""`schema=`: a body is judged before it leaves, an answer before it is used; what is told of it holds no value."""

import asyncio
import dataclasses
import gc
import json
import pickle
import subprocess
import sys
import traceback
import typing

import botsec
import jsonschema
import jsonschema_rs
import msgspec
import pydantic
import pytest
from botsec import validate
from servers.api import Reply

VALUE = "sk-test-0123456789abcdef"


class User(pydantic.BaseModel):
    id: int
    name: str = "n"
    tags: list[int] = []


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    id: typing.Annotated[int, pydantic.Field(ge=0)]

    @pydantic.field_validator("id")
    def odd(cls, value):
        if value == 13:
            raise ValueError(f"unlucky {VALUE}")
        return value


@pydantic.dataclasses.dataclass
class Checked:
    id: int


class Struct(msgspec.Struct):
    id: int
    tags: list[int] = []
    kind: typing.Literal["a"] = "a"


FORM = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "tags": {"items": {"type": "integer"}}},
}


def only_ids(body):
    if not isinstance(body["id"], int):
        raise ValueError(f"{body!r} is wrong: {VALUE}")


#: Each judges `{"id": 7}` as right; with what the right answer becomes.
SCHEMAS = [
    ("model", User, User(id=7)),
    ("adapter", pydantic.TypeAdapter(User), User(id=7)),
    ("typed dict", pydantic.TypeAdapter(dict[str, int]), {"id": 7}),
    ("dataclass", Checked, Checked(7)),
    ("struct", Struct, Struct(7)),
    ("jsonschema-rs", jsonschema_rs.validator_for(FORM), {"id": 7}),
    ("jsonschema", jsonschema.Draft202012Validator(FORM), {"id": 7}),
    ("callable", only_ids, {"id": 7}),
    ("predicate", lambda body: isinstance(body["id"], int), {"id": 7}),
    ("converter", lambda body: Struct(**body) if isinstance(body["id"], int) else False, Struct(7)),
    ("method", User.model_validate, User(id=7)),
]
schemas = pytest.mark.parametrize(("schema", "made"), [row[1:] for row in SCHEMAS], ids=[row[0] for row in SCHEMAS])


def told(error: BaseException) -> str:
    """Everything that a log of the exception could show."""
    assert error.__cause__ is None and error.__context__ is None
    return "".join([*traceback.format_exception_only(error), repr(error), str(error.details), repr(error.args)])


@schemas
def test_a_body_that_fits_is_sent_and_one_that_does_not_is_not(client, api, schema, made):
    client.post("/x", json={"id": 7}, schema=schema)
    assert api.last.json() == {"id": 7}
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={"id": VALUE}, schema=schema)
    assert caught.value.code == "input.body" and VALUE not in told(caught.value)
    assert caught.value.user_message == "A value was not accepted. Please check it and try again."
    assert len(api.requests) == 1


@schemas
def test_an_answer_that_fits_is_given_and_one_that_does_not_is_an_error(client, api, schema, made):
    api.on("/x", Reply(body={"id": 7}), Reply(body={"id": VALUE}))
    assert client.get("/x").json(schema=schema) == made
    response = client.get("/x")
    with pytest.raises(botsec.ProtocolError) as caught:
        response.json(schema=schema)
    assert caught.value.code == "transport.schema" and caught.value.details["status"] == "200"
    assert caught.value.user_message.startswith("The service gave an answer that cannot be used.")
    assert caught.value.incident_id in str(caught.value) and VALUE not in told(caught.value)
    assert response.json() == {"id": VALUE}


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_each_verb_with_a_body_takes_a_schema(client, api, verb):
    getattr(client, verb)("/x", json={"id": 1}, schema=Strict)
    client.request(verb.upper(), "/x", json={"id": 1}, schema=Strict)
    for call in (getattr(client, verb), lambda *args, **rest: client.request(verb.upper(), *args, **rest)):
        with pytest.raises(botsec.InputError):
            call("/x", json={"id": -1}, schema=Strict)
    assert len(api.requests) == 2


def test_streams_and_routes_take_one(client, api):
    with client.stream("POST", "/x", json={"id": 1}, schema=Strict) as response:
        response.read()
    with pytest.raises(botsec.InputError), client.stream("POST", "/x", json={"id": -1}, schema=Strict):
        pass
    post = client.route("POST /x")
    post(json={"id": 1}, schema=Strict)
    with pytest.raises(botsec.InputError):
        post(json={"id": -1}, schema=Strict)
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("schema", "body", "path", "kind"),
    [
        (User, {"id": 1, "tags": [1, VALUE]}, "$.tags[1]", "int_parsing"),
        (User, {}, "$.id", "missing"),
        (User, [], "$", "model_type"),
        (Strict, {"id": 13}, "$.id", "value_error"),
        (Strict, {"id": 1, VALUE: 1}, "$.{redacted}", "extra_forbidden"),
        (Strict, {"id": 1, "a b\n": 1}, "$.{key}", "extra_forbidden"),
        (Struct, {"id": 1, "tags": [1, VALUE]}, "$.tags[1]", "ValidationError"),
        (Struct, {"id": 1, "kind": f" - at `$.{VALUE}`"}, "$.kind", "ValidationError"),
        (Struct, 1, "$", "ValidationError"),
        (jsonschema_rs.validator_for(FORM), {"id": 1, "tags": [VALUE]}, "$.tags[0]", "type"),
        (jsonschema.Draft202012Validator(FORM), {"id": 1, "tags": [VALUE]}, "$.tags[0]", "type"),
        (only_ids, {"id": VALUE}, "$", "ValueError"),
        (lambda body: body["missing"], {"id": 1}, "$", "KeyError"),
        (lambda body: False, {"id": 1}, "$", "refused"),
    ],
)
def test_the_notes_say_where_and_how_it_does_not_fit(client, api, schema, body, path, kind):
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json=body, schema=schema)
    assert (caught.value.details["path"], caught.value.details["kind"]) == (path, kind)
    assert f"path: {path}" in caught.value.__notes__ and VALUE not in told(caught.value)


def test_several_faults_are_told_and_their_number_is_bounded(client, api):
    body = {"id": "x", "tags": ["y"] * 100_000}
    for schema in (User, jsonschema_rs.validator_for(FORM)):
        with pytest.raises(botsec.InputError) as caught:
            client.post("/x", json=body, schema=schema)
        others = caught.value.details["others"].split(", ")
        assert len(others) == 7 and all(other.startswith("$.tags[") or "$.id" in other for other in others)


def test_a_validator_of_our_own_tells_what_it_expects(client, api):
    def refusing(body):
        details = {"path": "user.days[2]", "expected": "a whole number from 0 to 7"}
        try:
            int(VALUE)
        except ValueError:
            raise botsec.InputError(f"bad {VALUE}", code="input.field", details=details) from None

    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={}, schema=refusing)
    assert caught.value.details["path"] == "$.user.days[2]"
    assert caught.value.details["expected"] == "a whole number from 0 to 7"
    assert VALUE not in told(caught.value)


def test_botsecs_own_validators_are_schemas(client, api):
    order = validate.Record({"user": validate.Snowflake(), "days": validate.Int(0, 7)})
    client.post("/x", json={"user": "80351110224678912", "days": 7}, schema=order)
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={"user": VALUE, "days": 8}, schema=order)
    details = caught.value.details
    assert {details["path"], details["others"].split(" ")[0]} == {"$.user", "$.days"}
    assert details["expected"] in ("a numeric id", "a whole number from 0 to 7")
    api.on("/x", Reply(body={"user": "80351110224678912", "days": "x"}))
    with pytest.raises(botsec.ProtocolError) as caught:
        client.get("/x").json(schema=order)
    assert caught.value.details["path"] == "$.days"


# What is judged is what is sent.


def test_the_schema_sees_what_is_sent(client, api):
    seen = []

    @dataclasses.dataclass
    class Row:
        at: tuple
        n: object = None

    client.post("/x", json=[Row((1, 2), True), User(id=1)], schema=seen.append)
    assert seen == [[{"at": [1, 2], "n": True}, {"id": 1, "name": "n", "tags": []}]] == [api.last.json()]


def test_a_schema_cannot_change_the_body(client, api):
    client.post("/x", json={"id": 1}, schema=lambda body: body.update(id=2) or body.clear())
    assert api.last.json() == {"id": 1}


def test_an_object_that_reads_differently_each_time_is_read_once(client, api):
    @dataclasses.dataclass
    class Turning:
        n: int = 0

        def __getattribute__(self, name):
            return next(values) if name == "n" else super().__getattribute__(name)

    values = iter([1, 999])
    client.post("/x", json=Turning(), schema=lambda body: body["n"] == 1)
    assert api.last.json() == {"n": 1}


@schemas
def test_no_schema_sees_a_secret(client, api, make_secret, schema, made):
    key, seen = make_secret(VALUE, hosts=[api.host]), []
    client.post("/x", json={"key": key, "id": 1}, schema=seen.append)
    assert seen == [{"key": "**********", "id": 1}]
    assert api.last.json() == {"key": VALUE, "id": 1}
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={"id": key}, schema=schema)
    assert VALUE not in told(caught.value)


def test_a_model_that_was_made_without_checks_is_judged(client, api):
    with pytest.raises(botsec.InputError):
        client.post("/x", json=Strict.model_construct(id=-1), schema=Strict)
    client.post("/x", json=Strict(id=1), schema=Strict)
    assert api.last.json() == {"id": 1}


# What is no schema, no answer, no body.


@dataclasses.dataclass
class Plain:
    id: int


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        True,
        7,
        "User",
        Plain,
        dict,
        int,
        list[int],
        typing.List[User],  # noqa: UP006
        typing.Annotated[int, 1],
        int | None,
        User(id=1),
        Struct(1),
        object(),
        typing.TypedDict("Row", {"id": int}),
    ],
    ids=repr,
)
def test_what_judges_nothing_is_a_type_error_before_anything_else(client, api, schema):
    with pytest.raises(TypeError, match="`schema`"):
        client.post("/x", json={"id": 1}, schema=schema)
    assert api.requests == []
    api.on("/x", Reply(body=b"not json"))
    with pytest.raises(TypeError, match="`schema`"):
        client.get("/x").json(schema=schema)


def test_a_schema_without_json_is_a_type_error(client, api):
    for body in ({}, {"json": None}, {"data": {"a": "b"}}, {"content": b"{}"}):
        with pytest.raises(TypeError, match="`schema`"):
            client.post("/x", schema=User, **body)
    with pytest.raises(TypeError):
        client.get("/x", schema=User)
    assert api.requests == []
    client.post("/x", schema=None)


@schemas
@pytest.mark.parametrize("body", [b"", b"not json", b'{"id": NaN}', b'{"id": 7', b'{"id": 7} x', b"\xff", b"[" * 5000])
def test_an_answer_that_is_no_json_is_that_error_whatever_the_schema(client, api, schema, made, body):
    api.on("/x", Reply(body=body))
    with pytest.raises(botsec.ProtocolError) as caught:
        client.get("/x").json(schema=schema)
    assert caught.value.code == "transport.json"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_stream_has_no_json_and_a_status_comes_first(client, api):
    with client.stream("GET", "/x") as response, pytest.raises(RuntimeError, match="stream"):
        response.raw.json(schema=User)
    api.on("/no", Reply(status=404, body={"id": 7}))
    with pytest.raises(botsec.StatusError) as caught:
        client.get("/no")
    assert caught.value.response.json(schema=User) == User(id=7)


def test_null_and_false_and_empty_answers(client, api):
    api.on("/x", *(Reply(body=body) for body in (b"null", b"false", b"[]", b"false")))
    assert client.get("/x").json(schema=lambda body: body is None) is None
    assert client.get("/x").json(schema=pydantic.TypeAdapter(bool)) is False
    assert client.get("/x").json(schema=lambda body: None) == []
    with pytest.raises(botsec.ProtocolError):
        client.get("/x").json(schema=lambda body: body)


# Judges that misbehave.


def raising(error):
    def judge(body):
        try:
            raise KeyError(VALUE)
        except KeyError:
            raise error(f"{body} {VALUE}")  # noqa: B904

    return judge


class Loud(Exception):
    """Raises when it is looked at."""

    def __getattribute__(self, name):
        if name in ("errors", "instance_path", "absolute_path"):
            raise RuntimeError(VALUE)
        return super().__getattribute__(name)

    def __str__(self):
        raise RuntimeError(VALUE)


class Odd(Exception):
    """Has the attributes of other libraries' errors, with other things in them."""

    errors = VALUE
    instance_path = (VALUE, f"x\r\n{VALUE}", object(), -1, 10**30)
    kind = VALUE


class Validator:
    def __init__(self, verdict, errors=()):
        self.verdict, self.errors = verdict, errors

    def is_valid(self, value):
        if isinstance(self.verdict, BaseException):
            raise self.verdict
        return self.verdict

    def iter_errors(self, value):
        yield from self.errors


@pytest.mark.parametrize(
    "schema",
    [
        *(
            raising(error)
            for error in (ValueError, KeyError, AssertionError, RecursionError, Loud, Odd, botsec.BotsecError)
        ),
        raising(lambda text: botsec.InputError(text, details={"path": f"a.{VALUE}[{VALUE}]\r\n"})),
        raising(lambda text: ExceptionGroup(text, [ValueError(text)])),
        Validator(False),
        Validator(None),
        Validator(7),
        Validator(RuntimeError(VALUE)),
        Validator(False, [Odd(VALUE), Loud(VALUE)]),
        Validator(False, [Odd(VALUE)] * 3),
    ],
)
def test_whatever_a_judge_raises_is_one_error_without_its_words(client, api, schema):
    with pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={"id": 1}, schema=schema)
    assert VALUE not in told(caught.value) and "\r" not in told(caught.value)
    api.on("/x", Reply(body={"id": 1}))
    with pytest.raises(botsec.ProtocolError) as caught:
        client.get("/x").json(schema=schema)
    assert VALUE not in told(caught.value) and "\r" not in told(caught.value)


def test_an_async_judge_is_a_type_error(client, api, recwarn):
    async def judge(body):
        return True

    with pytest.raises(TypeError, match="async"):
        client.post("/x", json={"id": 1}, schema=judge)
    gc.collect()
    assert not [w for w in recwarn if "never awaited" in str(w.message)]
    assert api.requests == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interrupt_and_a_cancellation_pass_through(api, tls, error):
    def judge(body):
        raise error

    with botsec.Client(api.origin, networks="loopback", tls=tls) as client:
        with pytest.raises(error):
            client.post("/x", json={}, schema=judge)
        client.post("/x", json={})
    assert len(api.requests) == 1


def test_a_refusal_is_one_event(client, api, caplog):
    with caplog.at_level("DEBUG", "botsec"), pytest.raises(botsec.InputError) as caught:
        client.post("/x", json={"id": VALUE}, schema=User)
    records = [record for record in caplog.records if record.name == "botsec"]
    assert len(records) == 1 and "code=input.body" in caplog.text and VALUE not in caplog.text
    assert pickle.loads(pickle.dumps(caught.value)).details == caught.value.details


def test_a_large_answer_is_judged_in_linear_work(client, api):
    api.on("/x", Reply(body=json.dumps([{"id": n} for n in range(20_000)])))
    assert len(client.get("/x").json(schema=pydantic.TypeAdapter(list[User]))) == 20_000


def test_no_library_is_imported_for_a_schema():
    code = """if True:
        import sys, botsec
        client = botsec.Client("https://api.example.com", networks="loopback")
        for schema in (lambda body: False, dict, 7):
            try:
                client.post("/x", json={}, schema=schema)
            except (TypeError, ValueError):
                pass
        print([m for m in ("pydantic", "msgspec", "jsonschema", "jsonschema_rs") if m in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""What `json=` takes: models of other libraries, at any depth, with secrets as leaves that no library sees."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import subprocess
import sys
import threading
import typing
import uuid
from collections import OrderedDict, namedtuple

import attrs
import botsec
import msgspec
import pydantic
import pytest

VALUE = "sk-test-0123456789abcdef"


@pytest.fixture
def key(make_secret, api):
    return make_secret(VALUE, hosts=[api.host])


@dataclasses.dataclass
class Point:
    x: int
    y: object = None
    shared: typing.ClassVar[int] = 7
    seed: dataclasses.InitVar[int] = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: object


@attrs.define
class Node:
    name: str
    inner: object = None
    _private: int = 3


@attrs.frozen
class Frozen:
    a: object


class Money(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    amount: decimal.Decimal = decimal.Decimal("1.10")
    at: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    owner: uuid.UUID = uuid.UUID(int=1)
    user_name: str = pydantic.Field("ann", alias="userName")
    tags: set[str] = {"a"}
    extra: typing.Any = None


class Event(msgspec.Struct, tag="event", rename="camel", omit_defaults=True):
    user_id: int
    extra: typing.Any = None
    nothing: int | msgspec.UnsetType = msgspec.UNSET


@pydantic.dataclasses.dataclass(config={"arbitrary_types_allowed": True})
class Checked:
    n: int
    extra: typing.Any = None


class Colour(enum.Enum):
    RED = "red"
    DEEP = ("a", 1)


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    ANN = "ann"


class Real(float):
    def __repr__(self):
        return "Real(?)"


MONEY = {
    "amount": "1.10",
    "at": "2026-01-02T03:04:05Z",
    "owner": str(uuid.UUID(int=1)),
    "userName": "ann",
    "tags": ["a"],
    "extra": None,
}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Point(1, [2]), {"x": 1, "y": [2]}),
        (Slotted({"k": Point(1)}), {"a": {"k": {"x": 1, "y": None}}}),
        (Node("n", [Node("m")]), {"name": "n", "inner": [{"name": "m", "inner": None, "_private": 3}], "_private": 3}),
        (Frozen(Slotted(Frozen(1))), {"a": {"a": {"a": 1}}}),
        (Money(), MONEY),
        (Event(5), {"type": "event", "userId": 5}),
        (Checked(3), {"n": 3, "extra": None}),
        (pydantic.RootModel[list[int]]([1, 2]), [1, 2]),
        ([Point(1), (Node("n", Event(1)), {"m": Money()})], None),
        (namedtuple("Pair", "a b")(1, Point(2)), [1, {"x": 2, "y": None}]),
        (OrderedDict(a=Money()), {"a": MONEY}),
    ],
)
def test_a_model_is_written_as_its_library_writes_it(client, api, value, sent):
    client.post("/x", json=value)
    assert api.last.header("content-type") == "application/json"
    if sent is None:
        nested = {"name": "n", "inner": {"type": "event", "userId": 1}, "_private": 3}
        sent = [{"x": 1, "y": None}, [nested, {"m": MONEY}]]
    assert api.last.json() == sent


def test_every_character_arrives(client, api):
    text = "".join(map(chr, range(0x300))) + "\u2028\uffff\U0001f600"
    client.post("/x", json={text: [text, "a" * 50 + text, *text[:0x80], ""]})
    assert api.last.json() == {text: [text, "a" * 50 + text, *text[:0x80], ""]}


def test_what_pydantic_and_msgspec_write_themselves_arrives(client, api):
    money, event = Money(extra=[{"k": Colour.RED}, (1,)]), Event(7, extra={3: b"x", "s": frozenset([1])})
    client.post("/x", json={"money": money, "event": event})
    assert api.last.json()["money"] == json.loads(money.model_dump_json(by_alias=True))
    assert api.last.json()["event"] == json.loads(msgspec.json.encode(event))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Colour.RED, "red"),
        (Colour.DEEP, ["a", 1]),
        (Level.HIGH, 3),
        (Name.ANN, "ann"),
        (Real(1.5), 1.5),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (decimal.Decimal("1.10"), "1.10"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), "2026-01-02T03:04:05.000006Z"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-3))), "2026-01-02T00:00:00-03:00"),
        (dt.datetime(2026, 1, 2), "2026-01-02T00:00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4, tzinfo=dt.UTC), "03:04:00Z"),
    ],
)
def test_the_standard_librarys_scalars_are_written_as_encoders_write_them(client, api, value, sent):
    for body in (value, {"a": value}, Point(1, value)):
        client.post("/x", json=body)
    assert [api.requests[0].json(), api.requests[1].json()["a"], api.requests[2].json()["y"]] == [sent] * 3


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        bytearray(b"bytes"),
        {1},
        frozenset([1]),
        1j,
        range(3),
        iter([1]),
        dt.timedelta(1),
        Point,
        Money,
        Event,
        Node,
        pydantic.SecretStr(VALUE),
        object(),
        {1: 2},
        {None: 2},
        {("a",): 2},
        {b"k": 1},
    ],
)
def test_what_has_no_one_form_is_a_type_error_that_repeats_no_value(client, api, value):
    for body in (value, [value], Point(1, value), Node(VALUE, value)):
        with pytest.raises(TypeError, match="json") as caught:
            client.post("/x", json=body)
        assert VALUE not in str(caught.value) and caught.value.__cause__ is caught.value.__context__ is None
    assert api.requests == []


@pytest.mark.parametrize("number", [float("nan"), float("-inf"), decimal.Decimal("NaN"), decimal.Decimal("Infinity")])
@pytest.mark.parametrize("make", [lambda n: Point(1, n), Slotted, Node, lambda n: {"a": n}])
def test_a_number_that_json_does_not_have_is_a_value_error(client, api, make, number):
    with pytest.raises(ValueError, match="NaN"):
        client.post("/x", json=make(number))
    assert api.requests == []


def test_libraries_with_a_form_of_their_own_for_such_numbers_keep_it(client, api):
    client.post("/x", json=[Money(extra=float("nan")), Event(1, decimal.Decimal("NaN"))])
    assert [row["extra"] for row in api.last.json()] == [None, "NaN"]
    with pytest.raises(ValueError, match="NaN"):
        client.post("/x", json=Event(1, float("nan")))


class Strange:
    """An object that pydantic and msgspec do not know."""


def hidden(key):
    """Bodies with one secret in them, and what they become."""
    clear = {"clear": VALUE}
    return [
        (Point(1, key), {"x": 1, "y": VALUE}),
        (Node("n", {"clear": key}), {"name": "n", "inner": clear, "_private": 3}),
        (Money(extra={"clear": key}), {**MONEY, "extra": clear}),
        (Money(extra=[Frozen(key)]), {**MONEY, "extra": [{"a": VALUE}]}),
        (Event(1, extra={"clear": key}), {"type": "event", "userId": 1, "extra": clear}),
        (Event(1, Money(extra=Frozen(key))), {"type": "event", "userId": 1, "extra": {**MONEY, "extra": {"a": VALUE}}}),
        (Checked(1, [key, key]), {"n": 1, "extra": [VALUE, VALUE]}),
    ]


@pytest.mark.parametrize("which", range(7))
def test_a_secret_in_a_model_is_a_leaf_for_its_hosts_alone(face, api, other_api, key, which):
    body, sent = hidden(key)[which]
    face.client(api.origin).post("/x", json=body)
    assert api.last.json() == sent
    with pytest.raises(botsec.HostNotAllowedError):
        face.client(other_api.origin).post("/x", json=body)
    assert other_api.requests == []


def test_an_open_web_client_takes_no_secret_in_a_model(face, key):
    web = face.adopt(face.factory.open_web())
    for body, _ in hidden(key):
        with pytest.raises(TypeError, match="no credentials"):
            web.post("https://example.com/", json=body)


class Either(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    one: int | botsec.Secret | str
    more: list[int | Frozen | botsec.Secret] = []


def test_unions_with_secrets_are_written(client, api, key):
    client.post("/x", json=Either(one=key, more=[1, key, Frozen(key), key]))
    assert api.last.json() == {"one": VALUE, "more": [1, VALUE, {"a": VALUE}, VALUE]}


def test_no_serialiser_sees_a_secrets_value(client, api, key):
    seen = []

    class Watcher(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        token: botsec.Secret

        @pydantic.model_serializer(mode="wrap")
        def watch(self, handler):
            tree = handler(self)
            seen.append(repr(tree))
            return tree

    client.post("/x", json=Watcher(token=key))
    assert api.last.json() == {"token": VALUE}
    assert VALUE not in seen[0]


def test_a_serialiser_that_changes_the_secrets_place_is_refused(client, api, key):
    class Shouting(pydantic.BaseModel):
        token: typing.Any

        @pydantic.model_serializer(mode="wrap")
        def shout(self, handler):
            return {name: value.upper() for name, value in handler(self).items()}

    with pytest.raises(TypeError, match="dropped or changed"):
        client.post("/x", json=Shouting(token=key))
    with pytest.raises(TypeError, match="keys"):
        client.post("/x", json=Money(extra={Frozen(1): 1}))
    client.post("/x", json=Shouting(token="a"))
    assert api.last.json() == {"token": "A"}


def test_pydantics_own_secrets_leave_as_asterisks(client, api):
    class Login(pydantic.BaseModel):
        password: pydantic.SecretStr

    client.post("/x", json=Login(password=VALUE))
    assert api.last.json() == {"password": "**********"}


def test_an_override_of_model_dump_is_honoured(client, api):
    class Trimmed(pydantic.BaseModel):
        a: int = 1
        b: int | None = None

        def model_dump(self, **options):
            return super().model_dump(**{**options, "exclude_none": True})

    class Old(pydantic.BaseModel):
        a: int = 1

        def model_dump(self, *, mode="python", by_alias=False):
            return {"mode": mode, "alias": by_alias, "id": uuid.UUID(int=1)}

    client.post("/x", json=[Trimmed(), Old()])
    assert api.last.json() == [{"a": 1}, {"mode": "json", "alias": True, "id": str(uuid.UUID(int=1))}]


def test_a_model_with_values_of_other_types_warns_of_nothing(client, api, recwarn):
    class Typed(pydantic.BaseModel):
        n: int

    client.post("/x", json=Typed.model_construct(n=VALUE))
    assert api.last.json() == {"n": VALUE}
    assert not [w for w in recwarn if VALUE in str(w.message)]


def test_cycles_end_in_an_error(client, api):
    point, node, money, event = Point(1), Node("n"), Money(), Event(1)
    for loop, place in ((point, "y"), (node, "inner"), (money, "extra"), (event, "extra")):
        setattr(loop, place, [loop])
        with pytest.raises(ValueError, match="json"):
            client.post("/x", json=loop)
    through = Money()
    through.extra = Frozen({"back": through})
    with pytest.raises(ValueError, match="nested"):
        client.post("/x", json=through)
    assert api.requests == []


@pytest.mark.parametrize("wrap", [lambda v: Point(1, v), lambda v: Node("n", v), lambda v: [v], lambda v: {"a": v}])
def test_nesting_of_a_hundred_thousand_ends_in_an_error(client, api, wrap):
    value, parts = 1, []
    for _ in range(100_000):
        parts.append(value)
        value = wrap(value)
    with pytest.raises(ValueError, match="nested"):
        client.post("/x", json=value)
    assert api.requests == []
    # Taken apart from outside: CPython's own destructor would recurse.
    value = None
    while parts:
        parts.pop()


class Loud:
    """Raises on every attribute, and lies about its class."""

    def __getattribute__(self, name):
        if name == "__class__":
            return dict
        raise RuntimeError(VALUE)


@dataclasses.dataclass
class Hostile:
    a: object = dataclasses.field(default=None)

    def __getattribute__(self, name):
        if name == "a":
            raise ValueError(VALUE)
        return super().__getattribute__(name)


class Metaclass(type):
    def __getattr__(cls, name):
        if name.startswith("__") and name.endswith("__"):
            return 7
        raise AttributeError(name)


class Answering(metaclass=Metaclass):
    """Its type has an answer for every dunder."""


class Exploding(type):
    def __getattr__(cls, name):
        raise RuntimeError(VALUE)


class Explosive(metaclass=Exploding):
    pass


class BrokenDump(pydantic.BaseModel):
    a: int = 1

    @pydantic.model_serializer
    def broken(self):
        raise ValueError(VALUE)


class BrokenEnum(enum.Enum):
    A = 1

    @property
    def value(self):
        raise RuntimeError(VALUE)


class BrokenZone(dt.tzinfo):
    def utcoffset(self, when):
        raise RuntimeError(VALUE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Loud(),
        lambda: Hostile(),
        lambda: Answering(),
        lambda: Explosive(),
        lambda: BrokenDump(),
        lambda: BrokenEnum.A,
        lambda: dt.datetime(2026, 1, 1, tzinfo=BrokenZone()),
        lambda: Money(extra=Strange()),
        lambda: Event(1, extra=Strange()),
    ],
)
def test_an_object_that_raises_ends_in_an_error_without_its_words(client, api, make):
    with pytest.raises((TypeError, ValueError), match="json") as caught:
        client.post("/x", json=[make()])
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert api.requests == []


def test_a_field_without_a_value_is_named(client, api):
    with pytest.raises(TypeError, match=r"`Point\.y` has no value"):
        point = Point(1)
        del Point.y
        try:
            del point.y
            client.post("/x", json=point)
        finally:
            Point.y = None


def test_a_property_that_changes_the_body_ends_in_an_error(client, api):
    body: dict = {}

    @dataclasses.dataclass
    class Busy:
        n: int = 0

        def __getattribute__(self, name):
            if name == "n":
                body["more"] = 1
            return super().__getattribute__(name)

    body.update(busy=Busy(), a=1)
    with pytest.raises(ValueError, match="changed"):
        client.post("/x", json=body)

    class Swap(Busy):
        def __getattribute__(self, name):
            if name == "n":
                body[str(len(body)) + "x" * body.pop("k", 0)] = 1
            return object.__getattribute__(self, name)

    body.clear()
    body.update(k=1, busy=Swap())
    client.post("/x", json=body)


def test_an_interrupt_passes_through(client, api):
    @dataclasses.dataclass
    class Interrupting:
        n: int = 0

        def __getattribute__(self, name):
            if name == "n":
                raise KeyboardInterrupt
            return super().__getattribute__(name)

    with pytest.raises(KeyboardInterrupt):
        client.post("/x", json=Interrupting())
    client.post("/x", json=1)


def test_a_property_may_make_calls_itself(client, api):
    @dataclasses.dataclass
    class Calling:
        n: int = 0

        def __getattribute__(self, name):
            if name == "n":
                client.post("/inner", json=Point(1))
            return super().__getattribute__(name)

    if not client._face.is_async:
        client.post("/outer", json=Calling())
        assert [request.path for request in api.requests] == ["/inner", "/outer"]


def test_many_models_take_linear_work_and_threads_do_not_mix_them(client, api, key):
    bodies = [[Money(extra=[key, n])] * 50 for n in range(8)]
    results: list = []

    def send(body):
        results.append(client.raw.post("/x", json=body))

    if client._face.is_async:
        return
    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    seen = sorted(request.json()[0]["extra"][1] for request in api.requests)
    assert len(results) == 8 and seen == list(range(8))
    assert all({row["extra"][0] for row in request.json()} == {VALUE} for request in api.requests)


def test_no_library_is_imported_for_a_body():
    code = """if True:
        import sys, dataclasses, botsec
        client = botsec.Client("https://api.example.com", networks="loopback")
        @dataclasses.dataclass
        class P:
            x: int = 1
        for body in (P(), object()):
            try:
                client.post("/x", json=body, max_response_bytes=0)
            except (TypeError, ValueError):
                pass
        print([m for m in ("pydantic", "msgspec", "attr", "attrs", "uuid", "decimal") if m in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""`botsec.validate`: the vectors, exact types, and errors that repeat nothing."""

import ast
import copy
import itertools
import json
import pickle
import threading
from pathlib import Path

import pytest
from botsec import InputError, validate
from hypothesis import given
from hypothesis import strategies as st

ROWS = json.loads((Path(__file__).parents[1] / "vectors" / "validation.json").read_text(encoding="utf-8"))
# Which validator judges which set; the sets are named as their sources name them.
CLAIMED = {
    "email": validate.Email,
    "email.isemail": validate.Email,
    "hostname": validate.Hostname,
    "idn-hostname": lambda: validate.Hostname(idna=True),
    "idna.toascii(whatwg)": lambda: validate.Hostname(idna=True),
    "ipv4": lambda: validate.IpAddress(version=4),
    "ipv6": lambda: validate.IpAddress(version=6),
    "uuid": validate.Uuid,
    "uri": validate.HttpsUrl,
    "url.https_strict": validate.HttpsUrl,
    "date": validate.Date,
    "date-time": validate.DateTime,
    "int(strict)": validate.Int,
    "int64.text": lambda: validate.Int(text=True),
    "float.finite": validate.Float,
    "snowflake": validate.Snowflake,
    "phone.e164": validate.E164,
    "slug": validate.Slug,
    "text.nfc": validate.Text,
    "text.single_line_safe": validate.Text,
}
# One of each, with a value that fits.
EACH = [
    (validate.Int(1, 100), 42),
    (validate.Float(0, 1), 0.5),
    (validate.Str(1, 10), "text"),
    (validate.Text(1, 10), "text"),
    (validate.Slug(), "a-b"),
    (validate.Pattern(r"[a-z]+\d*"), "ab12"),
    (validate.OneOf("open", "closed"), "open"),
    (validate.Uuid(), "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
    (validate.Snowflake(), "80351110224678912"),
    (validate.TelegramChatId(usernames=True), "@durov"),
    (validate.SlackId(), "C024BE91L"),
    (validate.Email(), "bob@example.com"),
    (validate.E164(), "+14155552671"),
    (validate.HttpsUrl(), "https://example.com/a?b=c#d"),
    (validate.Hostname(), "example.com"),
    (validate.IpAddress(), "2606:4700::1111"),
    (validate.Date(), "2026-12-31"),
    (validate.DateTime(), "2026-12-31T23:59:59+01:00"),
    (validate.HeaderName(), "X-Request-Id"),
    (validate.HeaderValue(), "a b"),
    (validate.IdempotencyKey(), "k-1"),
    (validate.Record({"id": validate.Int()}), {"id": 1}),
]
IDS = [type(validator).__name__ for validator, _ in EACH]


def value_of(row):
    if "python" not in row:
        return row["input"]
    text = row["python"]
    return float(text) if text in ("nan", "inf", "-inf") else ast.literal_eval(text)


@pytest.mark.parametrize("name", CLAIMED)
def test_every_vector_is_judged_right(name):
    rows = [row for row in ROWS if row["set"] == name]
    assert rows
    for row in rows:
        validator = validate.Email(**row["options"]) if "options" in row else CLAIMED[name]()
        # What we do not claim is refused, and the row says why.
        expected = row["valid"] and "excluded" not in row
        assert validator.is_valid(value_of(row)) is expected, row


def test_every_set_of_vectors_is_claimed_and_only_valid_rows_are_excluded():
    assert {row["set"] for row in ROWS} == set(CLAIMED)
    assert all(row["valid"] for row in ROWS if "excluded" in row)


def test_there_is_one_of_each_here():
    assert {type(validator).__name__ for validator, _ in EACH} == set(validate.__all__) - {
        "Validator",
        "checked",
        "fields",
    }


@pytest.mark.parametrize(("validator", "value"), EACH, ids=IDS)
def test_what_fits_comes_back_by_every_door(validator, value):
    assert validator(value) == value
    assert validator.check(value) == value
    assert validator.is_valid(value) is True
    assert type(validator(value)) is type(value)
    if not isinstance(value, dict):
        assert validator(value) is value


@pytest.mark.parametrize(("validator", "value"), EACH, ids=IDS)
@pytest.mark.parametrize(
    "bad",
    [
        None,
        True,
        b"bytes",
        1j,
        object(),
        [],
        (),
        {1: 2},
        "\ud800",
        "a\x00b",
        "a\u202eb",
        float("nan"),
        10**5000,
        -1e308,
    ],
    ids=lambda bad: type(bad).__name__,
)
def test_what_does_not_fit_is_an_input_error_by_every_door(validator, value, bad):
    if isinstance(validator, validate.Str) and isinstance(bad, str) and "\ud800" not in bad:
        assert validator.is_valid(bad)  # any text
        return
    assert validator.is_valid(bad) is False
    for call in (validator, validator.check):
        with pytest.raises(InputError) as caught:
            call(bad)
        assert caught.value.code == "input.value"
        assert caught.value.expected
        assert "must be" in str(caught.value)


@pytest.mark.parametrize(("validator", "value"), EACH, ids=IDS)
def test_the_error_repeats_nothing_and_survives_pickling(validator, value):
    bad = {"SECRET": "SECRET"} if isinstance(validator, validate.Record) else "SECRET\x01" * 9
    if isinstance(validator, validate.Str):
        bad += "x" * 99
    with pytest.raises(InputError) as caught:
        validator(bad)
    error = caught.value
    seen = [str(error), repr(error), *error.__notes__, repr(error.details), repr(error.errors), repr(error.args)]
    assert not any("SECRET" in text for text in seen)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code, again.path, again.expected, again.errors) == (
        str(error),
        error.code,
        error.path,
        error.expected,
        error.errors,
    )


@pytest.mark.parametrize(("validator", "value"), EACH, ids=IDS)
def test_a_hundred_thousand_characters_are_refused_or_taken_without_trouble(validator, value):
    for bad in ("a" * 100_000, "@" * 100_000, "é" * 100_000, "e\u0301" * 50_000, "xn--" * 25_000, "[" * 100_000):
        assert validator.is_valid(bad) is False
        with pytest.raises(InputError):
            validator(bad)


class Loud(str):
    def __str__(self):
        return "something else"

    __repr__ = __str__

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Count(int):
    def __index__(self):
        return 7

    __int__ = __index__


def test_a_subclass_is_taken_for_its_value_and_comes_back_plain():
    for validator, value in EACH:
        if isinstance(value, str):
            out = validator(Loud(value))
            assert type(out) is str
            assert out == value
    assert not validate.OneOf("open").is_valid(Loud("closed"))
    out = validate.Int(0, 50)(Count(42))
    assert type(out) is int
    assert out == 42
    assert not validate.Int(0, 10).is_valid(Count(42))
    assert type(validate.Snowflake()(Count(80351110224678912))) is int
    assert type(validate.OneOf(1, 2)(Count(2))) is int


def test_numbers_are_no_bools_and_no_texts():
    number = validate.Int(-5, 5)
    assert [number.is_valid(v) for v in (-5, 5, 0)] == [True] * 3
    assert not any(number.is_valid(v) for v in (-6, 6, True, False, 1.0, "1", None, 2**63, -(2**63) - 1))
    assert validate.Int().is_valid(2**63 - 1)
    assert validate.Int(text=True)("-7") == -7
    assert validate.Int(0, 9, text=True)(3) == 3
    assert not validate.Int(0, 9, text=True).is_valid("10")
    real = validate.Float(0, 10)
    assert real(1) == 1.0
    assert type(real(1)) is float
    assert not any(real.is_valid(v) for v in (True, "1", float("nan"), float("inf"), -0.1, 10.1, None))
    assert not validate.Float().is_valid(2**53 + 1)
    assert validate.Float().is_valid(2**53)


def test_one_of_is_exact():
    either = validate.OneOf("1", 2)
    assert [either.is_valid(v) for v in ("1", 2)] == [True, True]
    assert not any(either.is_valid(v) for v in (1, "2", 2.0, True, None, "", "1 "))
    assert either.expected == "one of `1` or 2"


def test_ids_as_numbers():
    assert validate.Snowflake()(80351110224678912) == 80351110224678912
    assert not any(validate.Snowflake().is_valid(v) for v in (0, 1, -1, 2**64, True))
    assert validate.TelegramChatId()(-1001234567890) == -1001234567890
    assert not any(validate.TelegramChatId().is_valid(v) for v in (0, 2**52, True, "@durov"))


def test_an_address_that_is_public_or_not():
    public, inside = validate.IpAddress(is_global=True), validate.IpAddress(is_global=False)
    for ip, is_global in [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
    ]:
        assert (public.is_valid(ip), inside.is_valid(ip)) == (is_global, not is_global)


def test_a_record_names_every_field_and_no_key_of_a_stranger():
    record = validate.Record(
        {"name": validate.Text(1, 20), "owner": validate.Record({"id": validate.Snowflake()})},
        optional={"age": validate.Int(0, 150)},
    )
    fine = {"name": "Ann", "owner": {"id": "80351110224678912"}}
    assert record(fine) == fine
    assert record(fine) is not fine
    assert record({**fine, "age": 7})["age"] == 7
    with pytest.raises(InputError) as caught:
        record({"owner": {"id": "x", "<key>": 1}, "age": -1})
    assert [path for path, _ in caught.value.errors] == ["name", "owner.id", "owner", "age"]
    assert caught.value.path == "name"
    assert "<key>" not in str(caught.value)
    assert "`age` must be a whole number from 0 to 150." in str(caught.value)
    for bad in ({**fine, "more": 1}, {**fine, 1: 1}, {}, [], "x", {**fine, "owner": 5}):
        assert not record.is_valid(bad)
        with pytest.raises(InputError):
            record(bad)
    open_ended = validate.Record({"a": validate.Int()}, unknown="drop")
    assert open_ended({"b": 1, "a": 2}) == {"a": 2}


def test_the_order_of_keys_and_their_identity_do_not_matter():
    record = validate.Record(
        {"a": validate.Int(), "b": validate.Str(1)}, optional={"c": validate.Int(), "d": validate.Slug()}
    )
    fine = {"a": 1, "b": "x", "c": 2, "d": "y"}
    for left_out in ([], ["c"], ["d"], ["c", "d"]):
        kept = [key for key in fine if key not in left_out]
        for order in itertools.permutations(kept):
            # Keys that are equal and not the same object, as a JSON reader makes them.
            value = {"".join([key]): fine[key] for key in order}
            assert record.is_valid(value)
            assert record(value) == value
            for key in order:
                bad = {**value, key: None}
                assert not record.is_valid(bad)
                assert not record.is_valid({k: v for k, v in value.items() if k != key}) or key in "cd"
            assert not record.is_valid({**value, "e": 1})
            assert not record.is_valid({"e": 1, **value})


def test_a_record_is_read_alike_whatever_dictionary_holds_it():
    class Name(str):
        pass

    class Number(int):
        pass

    class Odd(dict):
        """Says something else than what it holds, to whoever asks it in Python."""

        def __iter__(self):
            return iter(())

        def __getitem__(self, key):
            return None

        def copy(self):
            return {}

    record = validate.Record(
        {"number": validate.Int(text=True), "mail": validate.Email(), "name": validate.Str(1, 9)},
        optional={"wide": validate.Text(newlines="normalize")},
    )
    fine = {"number": "42", "mail": "a@bücher.example", "name": "x", "wide": "a\r\nb"}
    read = {"number": 42, "mail": "a@xn--bcher-kva.example", "name": "x", "wide": "a\nb"}
    for order in itertools.permutations(fine):
        for key in (str, Name, lambda name: "".join(list(name))):
            for kind in (dict, Odd):
                value = kind((key(name), fine[name]) for name in order)
                before = dict(dict.items(value))
                out = record(value)
                assert list(out.items()) == list(read.items()) or list(order) != list(fine)
                assert out == read
                assert type(out) is dict
                assert dict(dict.items(value)) == before
                assert record.is_valid(value)
    out = record({"number": Number(7), "mail": Name("a@b.example"), "name": Name("x")})
    assert [type(value) for value in out.values()] == [int, str, str]
    given = {"number": 1, "mail": "a@b.example", "name": "x"}
    assert record(given) is not given


def test_a_dictionary_that_changes_while_it_is_judged_is_refused_or_read():
    outer = {}

    class Key(str):
        def __eq__(self, other):
            outer.clear()
            outer.update({f"k{n}": n for n in range(50)})
            return False

        def __hash__(self):
            return hash("id")

    record = validate.Record({"owner": validate.Record({"id": validate.Int()}), "name": validate.Str()})
    for judge in (record.is_valid, record.check, record):
        outer.clear()
        outer.update({"owner": {Key("x"): 1}, "name": "a"})
        try:
            assert judge(outer) is False
        except InputError:
            pass


def test_a_message_stays_short_when_many_fields_are_wrong():
    record = validate.Record({f"f{n}": validate.Int() for n in range(100)})
    with pytest.raises(InputError) as caught:
        record({})
    assert len(caught.value.errors) == 100
    assert len(str(caught.value)) < 1000


def test_a_dictionary_whose_keys_run_code_cannot_change_the_verdict():
    class Key(str):
        def __eq__(self, other):
            raise RuntimeError("no")

        def __hash__(self):
            return hash("a")

    record = validate.Record({"a": validate.Int()})
    assert record.is_valid({Key("a"): 1}) is False
    with pytest.raises(InputError):
        record({Key("a"): 1})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: validate.Int("1"), TypeError),
        (lambda: validate.Int(True), TypeError),
        (lambda: validate.Int(1.5), TypeError),
        (lambda: validate.Int(2, 1), ValueError),
        (lambda: validate.Int(0, 2**64), ValueError),
        (lambda: validate.Float("1"), TypeError),
        (lambda: validate.Float(float("nan")), ValueError),
        (lambda: validate.Float(2, 1), ValueError),
        (lambda: validate.Str("1"), TypeError),
        (lambda: validate.Str(5, 1), ValueError),
        (lambda: validate.Str(-1), ValueError),
        (lambda: validate.Str(1.5), TypeError),
        (lambda: validate.Str(True), TypeError),
        (lambda: validate.Str(0, 2**70), ValueError),
        (lambda: validate.Str(None), TypeError),
        (lambda: validate.Text(-1), ValueError),
        (lambda: validate.Text(max=True), TypeError),
        (lambda: validate.Pattern("x", max=True), TypeError),
        (lambda: validate.Pattern("x", max=-1), ValueError),
        (lambda: validate.Str(unit="bits"), ValueError),
        (lambda: validate.Text(newlines="maybe"), ValueError),
        (lambda: validate.Pattern("("), ValueError),
        (lambda: validate.Pattern(r"(a)\1"), ValueError),
        (lambda: validate.Pattern("a)|(?:b"), ValueError),
        (lambda: validate.Pattern("(?:a{1000}){1000}"), ValueError),
        (lambda: validate.Pattern(5), TypeError),
        (lambda: validate.Pattern("a" * 5000), ValueError),
        (lambda: validate.OneOf(), ValueError),
        (lambda: validate.OneOf(1.5), TypeError),
        (lambda: validate.OneOf(True), TypeError),
        (lambda: validate.SlackId("c"), ValueError),
        (lambda: validate.IpAddress(version=5), ValueError),
        (lambda: validate.Record({"a": int}), TypeError),
        (lambda: validate.Record({1: validate.Int()}), TypeError),
        (lambda: validate.Record([]), TypeError),
        (lambda: validate.Record({"a": validate.Int()}, optional={"a": validate.Int()}), ValueError),
        (lambda: validate.Record({}, unknown="ignore"), ValueError),
        (lambda: validate.Slug(1), TypeError),
        (lambda: validate.Slug()(), TypeError),
        (lambda: validate.Slug()("a", "b"), TypeError),
        (lambda: validate.Validator(), TypeError),
    ],
)
def test_wrong_use_is_no_input_error(make, error):
    with pytest.raises(error) as caught:
        make()
    assert not isinstance(caught.value, InputError)


def test_a_validator_cannot_be_changed_and_copies_are_itself():
    for validator, _ in EACH:
        with pytest.raises(AttributeError):
            validator.expected = "anything"
        assert copy.deepcopy(validator) is validator
        assert repr(validator).startswith(type(validator).__name__ + "(")
        with pytest.raises(TypeError):
            type("Sub", (type(validator),), {})
    assert validate.Validator[int] is validate.Validator


def test_a_pattern_is_linear_and_whole():
    evil = validate.Pattern("^(a+)+$", max=200_000)
    assert evil.is_valid("a" * 100_000)
    assert not evil.is_valid("a" * 100_000 + "!")
    digits = validate.Pattern(r"\d{1,5}")
    assert digits.is_valid("12")
    assert not any(digits.is_valid(v) for v in ("١٢", "１２", "12\n", "x12", "²"))
    assert validate.Pattern(r"(?i-u:ab)\w").is_valid("aBc")
    assert validate.Pattern("x", expected="an x").expected == "an x"


@pytest.mark.parametrize(
    "text", ["(?i)a", "(?i:a)", r"\p{L}", r"\pL", r"\P{L}", r"[\p{Lu}x]", r"(a)\1", "(?=a)", "a{999999}", "("]
)
def test_a_pattern_that_cannot_be_says_what_to_write(text):
    with pytest.raises(ValueError, match=r"\(\?i-u:|such as \[|too large once"):
        validate.Pattern(text)


def test_the_schemas_are_what_jsonschema_reads():
    import jsonschema_rs

    for validator, value in EACH:
        schema = validator.json_schema()
        assert jsonschema_rs.is_valid(schema, value, validate_formats=True), (validator, schema)
        assert not jsonschema_rs.is_valid(schema, None)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers())))
def test_nothing_but_input_errors_comes_out_and_both_doors_agree(value):
    for validator, _ in EACH:
        try:
            validator(value)
        except InputError:
            assert validator.is_valid(value) is False
        else:
            assert validator.is_valid(value) is True


def test_threads_share_a_validator():
    record = EACH[-1][0]
    wrong = []

    def work():
        for n in range(500):
            if not record.is_valid({"id": n}) or record.is_valid({"id": str(n)}):
                wrong.append(n)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_refused_request_says_which_field_and_what_it_takes():
    import botsec

    client = botsec.Client("https://api.example.com")
    with client, pytest.raises(InputError) as caught:
        client.get("/users/{id:int(1..9)}", path={"id": 10})
    assert caught.value.path == "id"
    assert caught.value.expected == "a whole number from 1 to 9"
    assert pickle.loads(pickle.dumps(caught.value)).path == "id"
    with botsec.Client("https://api.example.com") as client:
        with pytest.raises(InputError) as caught:
            client.get("/", headers={"X-Note": "a\nb"})
        assert (caught.value.path, caught.value.errors) == ("x-note", ())
        with pytest.raises(InputError) as caught:
            client.get("/a b")
        assert (caught.value.path, caught.value.expected) == (None, None)

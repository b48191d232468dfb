"""The validators beside others: JSON Schema formats of jsonschema-rs, and the standard library where it is strict."""

import datetime
import ipaddress
import json
import string
import unicodedata

import idna
import jsonschema_rs
import pytest
from botsec import validate
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st


def peer(name):
    validator = jsonschema_rs.validator_for({"format": name, "type": "string"}, validate_formats=True)
    return validator.is_valid


FORMATS = {
    "uuid": (validate.Uuid(), "3f2504e0-4f89-11d3-9a0c-0305e82c3301", string.hexdigits + "-{}g"),
    "date": (validate.Date(), "2024-02-29", string.digits + "-+TZ "),
    "date-time": (validate.DateTime(), "2016-12-31T23:59:60.5+00:00", string.digits + "-+:.,TtZz "),
    "ipv4": (validate.IpAddress(version=4), "192.168.0.1", string.digits + ".x/:%"),
    "ipv6": (validate.IpAddress(version=6), "2001:db8::192.168.0.1", string.hexdigits + ":.%/[]"),
    "hostname": (validate.Hostname(), "xn--bcher-kva.example.com", string.ascii_letters + string.digits + "-._"),
    "email": (validate.Email(idna=False), "joe.bloggs+x@mail.example.com", string.ascii_letters + '@.-+_!"[]() '),
}


def spoiled(base, alphabet):
    """Texts that are a few edits away from a valid one."""
    edit = st.tuples(
        st.sampled_from("ird"), st.integers(0, len(base)), st.sampled_from(alphabet) | st.characters(codec="utf-8")
    )

    def apply(edits):
        text = base
        for kind, at, char in edits:
            text = {
                "i": text[:at] + char + text[at:],
                "r": text[:at] + char + text[at + 1 :],
                "d": text[:at] + text[at + 1 :],
            }[kind]
        return text

    return st.lists(edit, max_size=4).map(apply)


def permitted(name):
    """Whether IDNA 2008 permits every A-label, by the Python package that registries' tools use."""
    try:
        return all(idna.alabel(idna.ulabel(label)) for label in name.split(".") if label.lower().startswith("xn--"))
    except (idna.IDNAError, UnicodeError):
        return False


def ours_alone(name, text):
    """What we refuse on purpose while the format takes it: each has its sentence in docs/validate.md."""
    if name == "hostname":
        last = text.rsplit(".", 1)[-1].lower()
        return last.isdigit() or last.startswith("0x") or not permitted(text)
    if name == "email":
        local, _, domain = text.rpartition("@")
        last = domain.rsplit(".", 1)[-1]
        return (
            local.startswith('"') or domain.startswith("[") or "." not in domain or last.isdigit() or not text.isascii()
        )
    if name == "date-time":
        return len(text) > 26 + 32
    return False


A_LABELS = st.text(alphabet=st.characters(min_codepoint=0x80, max_codepoint=0x30FF), min_size=1, max_size=6)


@settings(max_examples=500)
@given(A_LABELS, st.sampled_from(["", "a", "-", "l"]))
def test_a_labels_agree_with_idna(text, ascii_text):
    label = text[:1] + ascii_text + text[1:]
    name = "xn--" + label.encode("punycode").decode("ascii")
    if len(name) <= 63 and not name.endswith("-"):
        assert validate.Hostname().is_valid(name) is permitted(name) or unassigned(label), ascii(label)


def unassigned(label):
    """Characters newer than one of the two tables."""
    return any(unicodedata.category(c) == "Cn" for c in label)


def theirs_alone(name, text):
    """What the format refuses and we take: hosts of large networks are named with hyphens at the third and fourth place.

    And capital letters in the prefix of an A-label (RFC 5890 §2.3.2.1).
    """
    labels = text.rpartition("@")[2].split(".")
    return name in ("hostname", "email") and any(label[2:4] == "--" and label[:2] != "xn" for label in labels)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_agree_with_jsonschema_rs(name):
    validator, base, alphabet = FORMATS[name]
    theirs = peer(name)
    assert validator.is_valid(base)
    assert theirs(base)

    @settings(max_examples=500, deadline=None)
    @given(spoiled(base, alphabet))
    def run(text):
        if validator.is_valid(text):
            assert theirs(text) or theirs_alone(name, text), text
        elif theirs(text):
            assert ours_alone(name, text), text

    run()


@settings(max_examples=500)
@given(spoiled("192.168.0.1", string.digits + ".x/:%") | spoiled("2001:db8::7:1.2.3.4", string.hexdigits + ":.%/[]"))
def test_addresses_agree_with_the_standard_library(text):
    try:
        ipaddress.ip_address(text)
        theirs = "%" not in text
    except ValueError:
        theirs = False
    assert validate.IpAddress().is_valid(text) is theirs


@given(st.dates() | st.none(), spoiled("2024-02-29", string.digits + "-W"))
def test_dates_agree_with_the_standard_library(day, text):
    if day is not None:
        assert validate.Date().is_valid(day.isoformat())
    if validate.Date().is_valid(text) and not text.startswith("0000"):
        assert datetime.date.fromisoformat(text).isoformat() == text


@given(st.datetimes(timezones=st.timezones().map(lambda zone: zone) | st.just(datetime.UTC)))
def test_moments_of_the_standard_library_are_taken(moment):
    offset = moment.utcoffset()
    assume(offset is not None and offset.total_seconds() % 60 == 0)
    assert validate.DateTime().is_valid(moment.isoformat())
    assert not validate.DateTime().is_valid(moment.replace(tzinfo=None).isoformat())


@given(st.integers())
@example(2**63)
@example(-(2**63))
def test_canonical_decimals_are_what_int_writes(number):
    fits = -(2**63) <= number < 2**63
    assert validate.Int(text=True).is_valid(str(number)) is fits
    assert validate.Int().is_valid(number) is fits


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_text_is_what_unicodedata_says(text):
    hidden = any(unicodedata.category(c) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(c) in BIDI for c in text)
    if validate.Text().is_valid(text):
        assert not hidden
        assert unicodedata.is_normalized("NFC", text)
    normal = validate.Text(normalize=True)
    if normal.is_valid(text):
        assert normal(text) == unicodedata.normalize("NFC", text)


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize("length", [0, 1, 5, 20])
@given(data=st.data())
def test_lengths_are_pythons(length, data):
    text = data.draw(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
    for unit, count in [
        ("chars", len(text)),
        ("utf8", len(text.encode())),
        ("utf16", len(text.encode("utf-16-le")) // 2),
    ]:
        assert validate.Str(length, length, unit=unit).is_valid(text) is (count == length)
        assert validate.Str(0, length, unit=unit).is_valid(text) is (count <= length)


SCHEMA = {"a": validate.Int(0, 9), "b": validate.Str(1, 3), "c": validate.Uuid(), "d": validate.Float(0, 1)}


@settings(max_examples=500)
@given(
    st.dictionaries(
        st.sampled_from([*"abcde"]),
        st.integers(-1, 10) | st.text(max_size=4) | st.just("3f2504e0-4f89-11d3-9a0c-0305e82c3301") | st.floats(),
        max_size=5,
    )
)
def test_records_agree_with_jsonschema_rs(value):
    record = validate.Record({"a": SCHEMA["a"], "b": SCHEMA["b"]}, optional={"c": SCHEMA["c"], "d": SCHEMA["d"]})
    theirs = jsonschema_rs.validator_for(record.json_schema(), validate_formats=True)
    assume(not any(isinstance(v, float) and v != v for v in value.values()))
    if record.is_valid(value):
        assert theirs.is_valid(value)
        assert record(value) == value
    elif theirs.is_valid(value):
        # JSON Schema takes 1.0 for an integer.
        assert isinstance(value["a"], float)
    json.dumps(record.json_schema())

"""How much CPU a validator takes beside pydantic-core and jsonschema-rs, and what hostile text costs.

    python benches/validate.py

Every function is called in batches of some milliseconds, rounds are interleaved, and the median of CPU time per call is taken, less
that of an empty loop. A ratio is botsec's time over the peer's in the same run. Needs `benches/requirements.txt`.
"""

import argparse
import random
import statistics
import sys
import time

from figures import table

ROUNDS = 41
# Calls of one batch: long enough for the clock, short enough for a busy machine.
CALLS = 20_000

UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
MAIL = "joe.bloggs@mail.example.com"
RECORD = {
    "id": 80351110,
    "name": "Joe Bloggs",
    "mail": MAIL,
    "age": 42,
    "score": 0.5,
    "uuid": UUID,
    "level": 7,
    "title": "captain",
    "points": 1234,
    "day": "2026-12-31",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"interleaved rounds (default {ROUNDS})")
    parser.add_argument("--gate", action="store_true", help="end with 1 when a bar is missed")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    took = measured(calls(), rounds)
    print(table(["call", "ns"], [[name, round(ns, 1)] for name, ns in took.items()]))
    print()
    rows, missed = bars(took)
    print(table(["bar", "wanted", "reached", ""], rows))
    print()
    hostile_rows, slow = hostile()
    print(table(["hostile text, ms", "25,000", "50,000", "100,000", "worst text"], hostile_rows))
    return int(arguments.gate and (missed or slow))


def calls():
    """Name, callable and argument of everything that is timed."""
    import jsonschema_rs
    import pydantic_core
    from botsec import validate
    from pydantic_core import core_schema as core

    def schema(part):
        return jsonschema_rs.validator_for(part, validate_formats=True)

    whole = validate.Int(1, 100)
    mail = validate.Email()
    record = validate.Record(
        {
            "id": validate.Int(1, 2**40),
            "name": validate.Str(1, 64),
            "mail": mail,
            "age": validate.Int(0, 150),
            "score": validate.Float(0, 1),
            "uuid": validate.Uuid(),
            "level": validate.Int(0, 9),
            "title": validate.Str(1, 64),
            "points": validate.Int(0, 10_000),
            "day": validate.Date(),
        }
    )
    # Nothing but ranges and lengths: what is left is the dictionary.
    whole_numbers, words = validate.Int(0, 100), validate.Str(1, 64)
    plain = validate.Record({name: whole_numbers if at % 2 else words for at, name in enumerate(RECORD)})
    plain_value = {name: 42 if at % 2 else "text" for at, name in enumerate(RECORD)}
    rust_plain = schema(plain.json_schema())
    assert plain.is_valid(plain_value)
    peer_int = pydantic_core.SchemaValidator(core.int_schema(ge=1, le=100))
    peer_strict = pydantic_core.SchemaValidator(core.int_schema(ge=1, le=100, strict=True))
    rust_int = schema({"type": "integer", "minimum": 1, "maximum": 100})
    rust_mail = schema({"type": "string", "format": "email"})
    # What botsec's own record says of itself, so that both judge the same.
    rust_record = schema(
        record.json_schema()
        | {"properties": record.json_schema()["properties"] | {"mail": {"type": "string", "format": "email"}}}
    )
    for judge, value in [(rust_int, 42), (rust_mail, MAIL), (rust_record, RECORD), (rust_plain, plain_value)]:
        assert judge.is_valid(value)
    return {
        "empty loop": (None, 42),
        "Int check": (whole.check, 42),
        "Int call": (whole, 42),
        "Int is_valid": (whole.is_valid, 42),
        "pydantic-core int": (peer_int.validate_python, 42),
        "pydantic-core int, strict": (peer_strict.validate_python, 42),
        "jsonschema-rs int is_valid": (rust_int.is_valid, 42),
        "Email check": (mail.check, MAIL),
        "Email call": (mail, MAIL),
        "Email is_valid": (mail.is_valid, MAIL),
        "jsonschema-rs email is_valid": (rust_mail.is_valid, MAIL),
        "Record is_valid": (record.is_valid, RECORD),
        "Record check": (record.check, RECORD),
        "Record of numbers and words is_valid": (plain.is_valid, plain_value),
        "jsonschema-rs record of numbers and words is_valid": (rust_plain.is_valid, plain_value),
        "jsonschema-rs record is_valid": (rust_record.is_valid, RECORD),
        "Text is_valid": (validate.Text(1, 64).is_valid, "Joe Bloggs"),
        "Text is_valid, 40 Cyrillic": (validate.Text(1, 64).is_valid, "и" * 40),
        "Pattern is_valid": (validate.Pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*").is_valid, "some-slug-12"),
        "HttpsUrl is_valid": (validate.HttpsUrl().is_valid, "https://example.com/a/b?c=d"),
        "Uuid is_valid": (validate.Uuid().is_valid, UUID),
        "IpAddress is_valid": (validate.IpAddress().is_valid, "192.168.0.1"),
        "DateTime is_valid": (validate.DateTime().is_valid, "2026-12-31T23:59:59Z"),
    }


def measured(functions, rounds):
    """Median CPU nanoseconds per call, less the loop's own."""
    taken = {name: [] for name in functions}
    names = list(functions)
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            taken[name].append(batch(*functions[name]))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    loop = medians["empty loop"]
    return {name: ns - loop if name != "empty loop" else ns for name, ns in medians.items()}


def batch(function, value):
    repeat = range(CALLS)
    if function is None:
        begun = time.thread_time_ns()
        for _ in repeat:
            pass
    else:
        begun = time.thread_time_ns()
        for _ in repeat:
            function(value)
    return (time.thread_time_ns() - begun) / CALLS


def bars(took):
    wanted = [
        ("Int check over pydantic-core", "Int check", "pydantic-core int", 0.6),
        ("Int call over pydantic-core", "Int call", "pydantic-core int", None),
        ("Email is_valid over jsonschema-rs", "Email is_valid", "jsonschema-rs email is_valid", 0.35),
        ("Record is_valid over jsonschema-rs", "Record is_valid", "jsonschema-rs record is_valid", 0.35),
        (
            "Record of numbers and words over jsonschema-rs",
            "Record of numbers and words is_valid",
            "jsonschema-rs record of numbers and words is_valid",
            0.35,
        ),
    ]
    rows = []
    missed = False
    for title, ours, theirs, most in wanted:
        ratio = took[ours] / took[theirs]
        verdict = "" if most is None else "reached" if ratio <= most else "missed"
        missed |= verdict == "missed"
        rows.append([title, "" if most is None else f"≤ {most}", f"{ratio:.2f}", verdict])
    return rows, missed


# What each part is repeated to: texts that parsers backtrack, sort or look up over.
PARTS = [
    "a",
    "1",
    "@",
    ".",
    "a.",
    "-",
    "xn--a.",
    "%41",
    "é",
    "e\u0301",
    "\u0316\u0301",
    "\u200d",
    "[",
    ":",
    "и",
    "a@",
    " ",
    "\n",
    "{",
    "\U0001f468\u200d",
    "ß.",
    "\u1100\u1161",
]
HEADS = ["", "https://example.com/", "https://", "a@", "+", "xn--"]
SIZES = (25_000, 50_000, 100_000)


def hostile():
    """The slowest of many texts for every validator, at three sizes; the least of three tries each."""
    from botsec import validate

    validators = {
        "Str": validate.Str(1, 200_000),
        "Text": validate.Text(1, 200_000, newlines="normalize", allow_zwj=True, normalize=True),
        "Slug": validate.Slug(),
        "Pattern": validate.Pattern(r"^(a+)+$", max=200_000),
        "OneOf": validate.OneOf(*(f"name-{n}" for n in range(100))),
        "Int": validate.Int(text=True),
        "Uuid": validate.Uuid(),
        "Snowflake": validate.Snowflake(),
        "TelegramChatId": validate.TelegramChatId(usernames=True),
        "SlackId": validate.SlackId(),
        "Email": validate.Email(),
        "E164": validate.E164(),
        "HttpsUrl": validate.HttpsUrl(idna=True),
        "Hostname": validate.Hostname(idna=True),
        "IpAddress": validate.IpAddress(is_global=True),
        "Date": validate.Date(),
        "DateTime": validate.DateTime(),
        "HeaderName": validate.HeaderName(),
        "HeaderValue": validate.HeaderValue(),
        "IdempotencyKey": validate.IdempotencyKey(),
    }
    rows = []
    slow = False
    for name, validator in validators.items():
        worst = max((once(validator, head, part, SIZES[-1], 1), head, part) for head in HEADS for part in PARTS)
        times = [once(validator, worst[1], worst[2], size, 3) for size in SIZES]
        slow |= times[-1] >= 10
        rows.append([name, *(f"{ms:.3f}" for ms in times), ascii(worst[1] + worst[2])])
    return rows, slow


def once(validator, head, part, size, tries):
    best = []
    for _ in range(tries):
        # Made anew each time: a str keeps its UTF-8 form once it was asked for it.
        text = (head + part * (size // len(part) + 1))[:size]
        begun = time.thread_time_ns()
        validator.is_valid(text)
        best.append((time.thread_time_ns() - begun) / 1e6)
    return min(best)


if __name__ == "__main__":
    sys.exit(main())

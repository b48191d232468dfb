"""Keys that work from their addresses alone, and policies that never show one."""

import copy
import gc
import hashlib
import hmac
import io
import json
import logging
import os
import pickle
import re
import time
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import botsec
import pytest
from botsec.network import KeyEntry, KeyPolicy, hash_key
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = "bot-key-0123456789abcdef"
OTHER = "bot-key-fedcba9876543210"
PEPPER = "pepper-0123456789abcdef-0123456789"
HOME = "192.0.2.1"
ELSEWHERE = "198.51.100.7"
POSIX = os.name == "posix"


def entry(**fields) -> dict:
    return {"api_key": KEY, "allowed_ips": [HOME], **fields}


def shown(error: BaseException) -> str:
    """Everything that a traceback with locals would print, without the frames of this file."""
    own = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
    own.stack = traceback.StackSummary.from_list([frame for frame in own.stack if frame.filename != __file__])
    return "".join(own.format()) + repr(error.__dict__) + repr(error.__context__)


@pytest.fixture
def pepper(make_secret):
    return make_secret(PEPPER)


@pytest.fixture
def write(tmp_path):
    """Write a policy file that its owner alone may read, unless told otherwise."""

    def make(content, mode=0o600) -> Path:
        path = tmp_path / "keys.json"
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(data)
        path.chmod(mode)
        return path

    return make


def refusal(policy, *call) -> botsec.PolicyError:
    with pytest.raises(botsec.PolicyError) as caught:
        policy.check(*call)
    assert type(caught.value) is botsec.PolicyError
    assert (caught.value.code, str(caught.value)) == ("network.key_not_allowed", "This request is not allowed.")
    everything = shown(caught.value)
    assert KEY not in everything
    assert OTHER not in everything
    return caught.value


def test_the_form_of_the_guide_is_a_policy(write):
    guide = {"api_key": "your_super_secret_key_123", "allowed_ips": ["192.0.2.1", "203.0.113.45"]}
    policy = KeyPolicy.from_file(write(guide))
    assert policy.check("your_super_secret_key_123", "203.0.113.45") == KeyEntry("entry 0", frozenset())
    assert policy.check("your_super_secret_key_123", "::ffff:192.0.2.1").name == "entry 0"
    refusal(policy, "your_super_secret_key_123", ELSEWHERE)
    refusal(policy, "your_super_secret_key_124", "192.0.2.1")


def test_each_key_finds_its_entry(write, pepper):
    hashed = {"api_key_hash": hash_key(OTHER, pepper=pepper), "allowed_ips": [ELSEWHERE], "name": "other"}
    policy = KeyPolicy.from_file(str(write([entry(name="home", scopes=["read", "write"]), hashed])), pepper=pepper)
    assert policy.check(KEY, HOME) == KeyEntry("home", frozenset({"read", "write"}))
    assert policy.check(OTHER, ELSEWHERE).name == "other"
    refusal(policy, OTHER, HOME)
    refusal(policy, KEY, ELSEWHERE)
    assert policy.names == ("home", "other")


def test_unknown_key_and_wrong_address_are_told_apart_by_the_note_alone():
    policy = KeyPolicy.from_mapping(entry(name="home"))
    key, address = refusal(policy, OTHER, HOME), refusal(policy, KEY, ELSEWHERE)
    assert str(key) == str(address)
    assert (key.code, key.user_message, key.incident_id) == (address.code, address.user_message, address.incident_id)
    assert "reason: no entry has this key" in key.__notes__
    assert "reason: the address is not allowed, entry `home`" in address.__notes__
    assert ELSEWHERE not in "".join(address.__notes__)


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + " ", KEY.upper(), "\ud800" * 20, "k" * 100_000, "k" * 4097])
def test_what_is_not_the_key_is_refused(key):
    policy = KeyPolicy.from_mapping(entry())
    assert "no entry has this key" in refusal(policy, key, HOME).details["reason"]


def test_a_hash_of_nothing_lets_nobody_in(pepper):
    empty = "hmac-sha256:" + hmac.new(PEPPER.encode(), b"", "sha256").hexdigest()
    policy = KeyPolicy.from_mapping({"api_key_hash": empty, "allowed_ips": [HOME]}, pepper=pepper)
    refusal(policy, "", HOME)
    refusal(policy, None, HOME)


def test_every_entry_is_compared(monkeypatch):
    entries = [entry(api_key=f"{n:0>20}") for n in range(50)]
    policy = KeyPolicy.from_mapping(entries)
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(len(a)) or real(a, b))
    for key in (f"{0:0>20}", f"{49:0>20}"):
        policy.check(key, HOME)
    for key in (None, "k" * 20, "k" * 100_000):
        refusal(policy, key, HOME)
    assert compared == [hashlib.sha256().digest_size] * 250


def test_methods_and_paths_bound_a_key():
    policy = KeyPolicy.from_mapping(entry(methods=["GET"], paths=["/users/{id:int}", "/files/{name:str}"]))
    assert policy.check(KEY, HOME, "GET", "/users/7")
    assert policy.check(KEY, HOME, method="GET", path="/files/a b.txt")
    for call, reason in [
        (("POST", "/users/7"), "the method is not allowed"),
        (("get", "/users/7"), "the method is not allowed"),
        ((None, "/users/7"), "no method was given"),
        (("GET", None), "no path was given"),
        (("GET", "/users/x"), "the path is not allowed"),
        (("GET", "/users/7/"), "the path is not allowed"),
        (("GET", "//users/7"), "the path is not allowed"),
        (("GET", "users/7"), "the path is not allowed"),
        (("GET", "/files/.."), "the path is not allowed"),
        (("GET", "/files/%2e%2e"), "the path is not allowed"),
        (("GET", "/files/a%2fb"), "the path is not allowed"),
        (("GET", "/files/a\\..\\b"), "the path is not allowed"),
        (("GET", "/files/a\n"), "the path is not allowed"),
        (("GET", "/files/\ud800"), "the path is not allowed"),
        (("GET", "/" * 100_000), "the path is not allowed"),
    ]:
        assert reason in refusal(policy, KEY, HOME, *call).details["reason"], call


def test_a_key_expires():
    now = datetime.now(UTC)
    for ahead, allowed in ((timedelta(hours=1), True), (timedelta(seconds=-1), False)):
        east = (now + ahead).astimezone(timezone(timedelta(hours=14)))
        for expires in (east, east.isoformat()):
            policy = KeyPolicy.from_mapping(entry(expires=expires))
            if allowed:
                assert policy.check(KEY, HOME)
            else:
                assert "the key has expired" in refusal(policy, KEY, HOME).details["reason"]
    assert KeyPolicy.from_mapping(entry(expires="9999-12-31T23:59:59-23:59")).check(KEY, HOME)
    assert KeyPolicy.from_mapping(entry(expires="2100-01-01T00:00:00Z")).check(KEY, HOME)


def test_hashes_are_keyed_and_loadable(pepper, make_secret):
    expected = "hmac-sha256:" + hmac.new(PEPPER.encode(), KEY.encode(), "sha256").hexdigest()
    policy = KeyPolicy.from_mapping(entry(), pepper=pepper)
    assert policy.hash(KEY) == hash_key(KEY, pepper=pepper) == hash_key(make_secret(KEY), pepper=pepper) == expected
    stored = {"api_key_hash": expected, "allowed_ips": [HOME]}
    assert KeyPolicy.from_mapping(stored, pepper=pepper).check(KEY, HOME)
    refusal(KeyPolicy.from_mapping(stored, pepper=make_secret(PEPPER + "x")), KEY, HOME)


def test_without_a_pepper_no_hash_is_made_or_read():
    with pytest.raises(ValueError, match="Without a pepper"):
        KeyPolicy.from_mapping(entry()).hash(KEY)
    with pytest.raises(ValueError, match="a hash needs `pepper=`"):
        KeyPolicy.from_mapping({"api_key_hash": "hmac-sha256:" + "0" * 64, "allowed_ips": [HOME]})


def test_a_secret_may_be_an_entrys_key(make_secret):
    assert KeyPolicy.from_mapping(entry(api_key=make_secret(KEY))).check(KEY, HOME)


def test_a_plain_or_short_pepper_is_refused(make_secret):
    for bad in (PEPPER, PEPPER.encode()):
        with pytest.raises(TypeError, match="`pepper` takes a Secret"):
            KeyPolicy.from_mapping(entry(), pepper=bad)
    with pytest.raises(ValueError, match="shorter than 16 bytes") as caught:
        hash_key(KEY, pepper=make_secret("short-pepper-15"))
    assert "short-pepper-15" not in shown(caught.value)


@pytest.mark.parametrize(
    "bad", ["tiny-key", " " + KEY, KEY + "\n", "k" * 5000, "hmac-sha256:" + "0" * 64, KEY.encode(), 5, None]
)
def test_a_key_that_no_policy_takes_is_not_hashed(pepper, bad):
    for act in (lambda: hash_key(bad, pepper=pepper), lambda: KeyPolicy.from_mapping(entry(), pepper=pepper).hash(bad)):
        with pytest.raises((ValueError, TypeError)) as caught:
            act()
        assert str(bad) not in shown(caught.value) or bad in (5, None)


MARK = "VALUE-THAT-MUST-NOT-COME-BACK"
BAD_ENTRIES = [
    (entry(api_key="short"), "entry 0, field `api_key`: it is shorter"),
    (entry(api_key=5), "entry 0, field `api_key`: it is not a text"),
    (entry(api_key=[MARK]), "entry 0, field `api_key`: it is not a text"),
    (entry(api_key=MARK + "\n"), "entry 0, field `api_key`: it has control"),
    (entry(api_key=MARK * 200), "entry 0, field `api_key`: it is longer"),
    (entry(api_key="hmac-sha256:" + "0" * 64), "entry 0, field `api_key`: it is a hash"),
    (entry(api_key_hash="hmac-sha256:" + "0" * 64), "entry 0: it needs one of"),
    ({"allowed_ips": [HOME]}, "entry 0: it needs one of"),
    ({"api_key_hash": MARK, "allowed_ips": [HOME]}, "entry 0, field `api_key_hash`"),
    ({"api_key_hash": "hmac-sha256:" + "F" * 64, "allowed_ips": [HOME]}, "entry 0, field `api_key_hash`"),
    ({"api_key_hash": None, "allowed_ips": [HOME]}, "entry 0, field `api_key_hash`"),
    ({"api_key": KEY}, "entry 0, field `allowed_ips`: it is missing"),
    (entry(allowed_ips=[]), "entry 0, field `allowed_ips`: it is not a list"),
    (entry(allowed_ips=HOME), "entry 0, field `allowed_ips`: it is not a list"),
    (entry(allowed_ips={HOME: 1}), "entry 0, field `allowed_ips`: it is not a list"),
    (entry(allowed_ips=[HOME, 5]), "entry 0, field `allowed_ips`: its item 1"),
    (entry(allowed_ips=[HOME, MARK]), "entry 0, field `allowed_ips`: Entry 1 is not an IP address"),
    (entry(allowed_ips=["192.0.2.1/24"]), "entry 0, field `allowed_ips`: Entry 0 has bits set"),
    (entry(name=""), "entry 0, field `name`"),
    (entry(name=5), "entry 0, field `name`"),
    (entry(name=MARK + "\n"), "entry 0, field `name`"),
    (entry(name=MARK * 10), "entry 0, field `name`"),
    (entry(name=None), "entry 0, field `name`"),
    (entry(scopes=MARK), "entry 0, field `scopes`"),
    (entry(scopes=[[MARK]]), "entry 0, field `scopes`: its item 0"),
    (entry(scopes=[]), "entry 0, field `scopes`"),
    (entry(methods=["get"]), "entry 0, field `methods`"),
    (entry(methods=[]), "entry 0, field `methods`"),
    (entry(paths=["users"]), "entry 0, field `paths`"),
    (entry(paths=[f"/{MARK}?x"]), "entry 0, field `paths`"),
    (entry(paths=["/{a:nothing}"]), "entry 0, field `paths`"),
    (entry(paths=["/\ud800"]), "entry 0, field `paths`"),
    (entry(paths={}), "entry 0, field `paths`"),
    (entry(expires="2030-01-01T00:00:00"), "entry 0, field `expires`"),
    (entry(expires="2030-01-01"), "entry 0, field `expires`"),
    (entry(expires=MARK), "entry 0, field `expires`"),
    (entry(expires=1893456000), "entry 0, field `expires`"),
    (entry(expires=None), "entry 0, field `expires`"),
    (entry(expires="9" * 100_000), "entry 0, field `expires`"),
    (entry(expires=datetime(2030, 1, 1)), "entry 0, field `expires`"),
    (entry(allowed_ip=[HOME]), "entry 0: its field number 3 is unknown; did you mean `allowed_ips`?"),
    ({MARK: 1}, "entry 0: its field number 1 is unknown"),
    ({MARK * 9000: 1}, "entry 0: its field number 1 is unknown"),
    ([entry(), entry(api_key=OTHER), entry()], "entry 2 has the same key as entry 0"),
    ([entry(), MARK], "entry 1 is not an object"),
    ([entry(), [entry()]], "entry 1 is not an object"),
    ([], "it has no entries"),
    ({}, "entry 0: it needs one of"),
    (MARK, "it is neither an object nor a list"),
    (None, "it is neither an object nor a list"),
    ([entry(api_key=f"{n:0>20}") for n in range(10_001)], "more than 10,000 entries"),
]


@pytest.mark.parametrize(("given_entries", "message"), BAD_ENTRIES, ids=range(len(BAD_ENTRIES)))
def test_an_entry_that_is_not_understood_is_named_by_place(given_entries, message, pepper):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        KeyPolicy.from_mapping(given_entries, pepper=pepper)
    everything = shown(caught.value)
    assert not any(text in everything for text in (MARK, KEY, OTHER))


def test_the_same_key_plain_and_hashed_is_a_duplicate(pepper):
    twin = {"api_key_hash": hash_key(KEY, pepper=pepper), "allowed_ips": [ELSEWHERE]}
    with pytest.raises(ValueError, match="entry 1 has the same key as entry 0"):
        KeyPolicy.from_mapping([entry(), twin], pepper=pepper)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not JSON, at line 1, column 1"),
        (b'{"api_key": "' + KEY.encode(), "it is not JSON, at line 1"),
        (b'{"api_key": "' + KEY.encode() + b'\xff"}', "it is not UTF-8"),
        (json.dumps(entry()).encode("utf-16"), "it is not UTF-8"),
        (b'{"api_key": "%b", "api_key": "%b"}' % (KEY.encode(), OTHER.encode()), "a field stands twice"),
        (b'{"api_key": NaN}', "JSON that no policy has"),
        (b'{"api_key": ' + b"9" * 5000 + b"}", "entry 0|JSON that no policy has"),
        (b"[" * 100_000, "JSON that no policy has|not JSON"),
        (b'"' + KEY.encode() + b'"', "neither an object nor a list"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(write, data, message):
    path = write(data)
    with pytest.raises(ValueError, match=message) as caught:
        KeyPolicy.from_file(path)
    assert path.name in str(caught.value)
    assert KEY not in shown(caught.value)


def test_a_file_with_a_byte_order_mark_is_read(write):
    assert KeyPolicy.from_file(write(b"\xef\xbb\xbf" + json.dumps(entry()).encode())).check(KEY, HOME)


@pytest.mark.skipif(not POSIX, reason="Windows has no such modes")
def test_the_mode_of_a_file_is_judged(write, pepper):
    stored = {"api_key_hash": hash_key(KEY, pepper=pepper), "allowed_ips": [HOME]}
    for content, mode, why in [
        (entry(), 0o602, "everybody may write to it"),
        (stored, 0o666, "everybody may write to it"),
        (entry(), 0o644, "it holds plain keys and everybody may read it"),
        ([stored, entry(api_key=OTHER)], 0o604, "it holds plain keys and everybody may read it"),
    ]:
        with pytest.raises(botsec.SecretAccessError, match=why) as caught:
            KeyPolicy.from_file(write(content, mode), pepper=pepper)
        assert "hint: chmod" in "".join(caught.value.__notes__)
        assert KEY not in shown(caught.value)
    assert KeyPolicy.from_file(write(entry(), 0o640)).check(KEY, HOME)
    assert KeyPolicy.from_file(write(stored, 0o644), pepper=pepper).check(KEY, HOME)


def test_the_size_of_a_file_is_bounded(write):
    whole = json.dumps(entry()).encode()
    assert KeyPolicy.from_file(write(whole + b" " * (1024 * 1024 - len(whole)))).check(KEY, HOME)
    with pytest.raises(botsec.SecretAccessError, match="larger than 1 MiB") as caught:
        KeyPolicy.from_file(write(whole + b" " * (1024 * 1024 + 1 - len(whole))))
    assert KEY not in shown(caught.value)


def test_a_file_that_is_missing_or_none_is_named(tmp_path):
    with pytest.raises(botsec.SecretNotFoundError, match=r"none\.json` does not exist"):
        KeyPolicy.from_file(tmp_path / "none.json")
    with pytest.raises(botsec.SecretAccessError, match="cannot be used"):
        KeyPolicy.from_file(tmp_path)
    if POSIX:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(botsec.SecretAccessError, match="not a regular file"):
            KeyPolicy.from_file(tmp_path / "pipe")
    for wrong in (5, None, io.StringIO("{}")):
        with pytest.raises(TypeError):
            KeyPolicy.from_file(wrong)


def test_a_policy_passed_as_a_path_is_not_repeated():
    with pytest.raises(ValueError, match="not its text") as caught:
        KeyPolicy.from_file(" " + json.dumps(entry()))
    assert KEY not in shown(caught.value)


def test_a_policy_prints_names_and_goes_nowhere(pepper, caplog):
    policy = KeyPolicy.from_mapping([entry(name="bot-7"), entry(api_key=OTHER)], pepper=pepper)
    assert repr(policy) == str(policy) == "KeyPolicy(['bot-7', 'entry 1'])"
    for spread in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars):
        with pytest.raises(TypeError):
            spread(policy)
    for act in (lambda: setattr(policy, "_rules", ()), lambda: delattr(policy, "_rules")):
        with pytest.raises(AttributeError):
            act()
    with pytest.raises(TypeError, match="from_file"):
        KeyPolicy()
    many = KeyPolicy.from_mapping([entry(api_key=f"{n:0>20}") for n in range(30)])
    assert repr(many).endswith("'entry 19'] and 10 more)")
    with caplog.at_level(logging.DEBUG):
        policy.check(KEY, HOME)
    assert KEY not in caplog.text
    reached = [policy._hasher, *policy._rules, policy.check(KEY, HOME)]
    assert not any(
        text in repr(item) for item in reached for text in (KEY, OTHER, PEPPER, policy._rules[0].digest.hex())
    )
    with pytest.raises(AttributeError):
        policy.check(KEY, HOME).name = "admin"


def test_a_policy_holds_no_key_or_pepper(pepper):
    policy = KeyPolicy.from_mapping([entry()], pepper=pepper)
    seen, queue = set(), [policy]
    while queue:
        item = queue.pop()
        # Modules, classes and functions lead to all of Python.
        if id(item) in seen or isinstance(item, type) or hasattr(item, "__globals__") or hasattr(item, "__spec__"):
            continue
        seen.add(id(item))
        assert item not in (KEY, KEY.encode(), PEPPER, PEPPER.encode())
        queue.extend(gc.get_referents(item))
    assert len(seen) > 5


@pytest.mark.parametrize(
    "call",
    [(KEY.encode(), HOME), (5, HOME), (KEY, None), (KEY, 5), (KEY, HOME, b"GET"), (KEY, HOME, "GET", b"/x")],
)
def test_wrong_arguments_of_check_are_type_errors(call):
    policy = KeyPolicy.from_mapping(entry())
    with pytest.raises(TypeError) as caught:
        policy.check(*call)
    assert KEY not in shown(caught.value)


def test_hostile_input_is_fast():
    policy = KeyPolicy.from_mapping(entry(paths=["/f/{p:segments}/raw"]))
    began = time.process_time()
    for text in ("k" * 100_000, "," * 100_000, "1." * 50_000, "a:" * 50_000, "/f" * 50_000, "[" * 100_000):
        refusal(policy, text, HOME)
        refusal(policy, KEY, text)
        refusal(policy, KEY, HOME, text, text)
        for document in (text, {text: 1}, entry(api_key=text), entry(allowed_ips=[text]), entry(name=text)):
            with pytest.raises(ValueError, match="not understood"):
                KeyPolicy.from_mapping(document)
    assert time.process_time() - began < 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([KEY, HOME, "/x", "GET"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(entry(name=""))) | st.text(), inner)
    ),
    max_leaves=8,
)


@given(
    JSON
    | st.dictionaries(st.sampled_from(["name", "scopes", "methods", "paths", "expires"]), JSON).map(
        lambda d: entry(**d)
    )
)
@settings(max_examples=300, deadline=None)
def test_any_mapping_is_a_policy_or_a_value_error(document):
    try:
        KeyPolicy.from_mapping(document)
    except ValueError as error:
        assert KEY not in shown(error)


@settings(deadline=None)
@given(st.binary() | JSON.map(lambda document: json.dumps(document).encode()))
def test_any_file_is_a_policy_or_a_value_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        KeyPolicy.from_file(path)
    except ValueError as error:
        assert KEY not in shown(error)


@settings(deadline=None)
@given(st.text() | st.none(), st.text(), st.text() | st.none(), st.text() | st.none())
def test_any_caller_is_let_in_or_refused(key, address, method, path):
    policy = KeyPolicy.from_mapping(entry(methods=["GET"], paths=["/{a:str}"]))
    refusal(policy, key, address, method, path)
    refusal(policy, KEY, HOME, method, "/" + (path or "") + "/x/y")

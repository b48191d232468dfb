"""The ways on which values get out of Python objects: none leads out of a `Secret`.

Each way is tried on a plain `str` as well, which must leak: a way that finds nothing there proves nothing here.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import csv
import dataclasses
import gc
import inspect
import io
import json
import logging
import marshal
import pickle
import pprint
import reprlib
import string
import traceback
import unittest
import urllib.parse
import warnings
from typing import Any

import attrs
import IPython.core.formatters
import IPython.lib.pretty
import pydantic
import pytest
import rich
import rich.console
import rich.pretty
import rich.traceback

VALUE = "s3cr3t-0123456789-abcdef"


@dataclasses.dataclass
class Held:
    key: Any
    count: int = 0


@attrs.define
class Defined:
    key: Any
    count: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    key: Any
    count: int = 0


Pair = collections.namedtuple("Pair", ["key", "count"])


def logged(template: str, *args: object, **more: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("leaks")
    logger.addHandler(handler)
    logger.error(template, *args, **more)
    return stream.getvalue()


def console(act) -> str:
    shown = rich.console.Console(file=io.StringIO(), width=500)
    act(shown)
    return shown.file.getvalue()


def failing(key: object) -> BaseException:
    """An exception whose frames hold the key, plainly and within things."""
    holder = {"key": [key], "held": Held(key)}
    try:
        raise ValueError("failed", key, holder)
    except ValueError as error:
        return error


def locals_of(key: object) -> str:
    error = failing(key)
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def rich_locals_of(key: object) -> str:
    error = failing(key)
    shown = rich.traceback.Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    return console(lambda c: c.print(shown))


def logged_exception(key: object) -> str:
    error = failing(key)
    return logged("failed with %r", key, exc_info=error)


def warned(key: object) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(f"{key}", stacklevel=1)
        warnings.warn(UserWarning("deprecated", key), stacklevel=1)
    return "".join(f"{w.message} {warnings.formatwarning(w.message, w.category, w.filename, w.lineno)}" for w in caught)


def invalid(key: object) -> pydantic.ValidationError:
    """The error that quotes the whole input because the field beside the key is wrong."""
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(list[int]).validate_python([{"key": key}])
    return caught.value


def invalid_json(key: object) -> str:
    error = invalid(key)
    return json.dumps(error.errors(include_url=False), default=str)


def attrs_error(key: object) -> str:
    with pytest.raises(TypeError) as caught:
        Defined(key, [key])
    return str(caught.value) + repr(caught.value.args)


def compared(key: object) -> str:
    with pytest.raises(AssertionError) as caught:
        unittest.TestCase().assertEqual({"key": key}, {"key": 1})
    return str(caught.value)


def table(key: object) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerow([key])
    return stream.getvalue()


def members(key: object) -> str:
    """Every attribute that is no method, private ones included."""
    found = inspect.getmembers(key, lambda member: not callable(member))
    return repr(found) + repr([getattr(key, name, None) for name in getattr(type(key), "__slots__", ())]) + str(key)


def rich_inspected(key: object) -> str:
    return console(lambda c: rich.inspect({"key": key}, console=c, all=True)) + console(
        lambda c: rich.inspect(key, console=c, all=True, help=True)
    )


def displayed(key: object) -> str:
    data, about = IPython.core.formatters.DisplayFormatter().format({"key": key})
    alone, _ = IPython.core.formatters.DisplayFormatter().format(key)
    return repr((data, about, alone))


WAYS = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "f-string": lambda key: f"{key}",
    "f-string, repr": lambda key: f"{key!r:>80}",
    "format spec": lambda key: f"{key:>80}" + format(key, "") + f"{key:.100}",
    "str.format": lambda key: "{0} {0!r} {k}".format(key, k=key),  # noqa: UP032
    "%": lambda key: "%s %r" % (key, key),  # noqa: UP031
    "Template": lambda key: string.Template("$key").substitute(key=key),
    "in a list": lambda key: str([key, {"k": (key,)}]),
    "reprlib": lambda key: reprlib.Repr(maxstring=200, maxother=200).repr([key]),
    "pprint": lambda key: pprint.pformat({"k": [key]}),
    "pickle": lambda key: b"".join(pickle.dumps(key, protocol) for protocol in range(6)),
    "pickle within": lambda key: pickle.dumps(Held(key)),
    "marshal": marshal.dumps,
    "copy": lambda key: str(copy.copy(key)),
    "deepcopy": lambda key: str(copy.deepcopy({"k": key})),
    "json": json.dumps,
    "json, default=str": lambda key: json.dumps({"k": key}, default=str),
    "json, default=repr": lambda key: json.dumps({"k": key}, default=repr),
    "json, default=vars": lambda key: json.dumps({"k": key}, default=vars),
    "vars": lambda key: key if type(key) is str else repr(vars(key)),
    "members": members,
    "bytes": lambda key: key.encode() if type(key) is str else bytes(key),
    "iteration": lambda key: "".join(key),
    "concatenation": lambda key: "" + key,
    "join": lambda key: ",".join([key]),
    "urlencode": lambda key: urllib.parse.urlencode({"k": key}),
    "csv": table,
    "garbage collector": lambda key: repr(gc.get_referents([key])) + repr(gc.get_referents(key)),
    "dataclass": lambda key: repr(Held(key)),
    "dataclasses.asdict": lambda key: repr(dataclasses.asdict(Held(key))),
    "dataclasses.astuple": lambda key: repr(dataclasses.astuple(Held(key))),
    "namedtuple": lambda key: repr(Pair(key, 0)) + repr(Pair(key, 0)._asdict()),
    "attrs": lambda key: repr(Defined(key)),
    "attrs.asdict": lambda key: repr(attrs.asdict(Defined(key))),
    "attrs validator": attrs_error,
    "pydantic": lambda key: repr(Model(key=key)) + str(Model(key=key)),
    "pydantic model_dump": lambda key: repr(Model(key=key).model_dump()),
    "pydantic model_dump, json": lambda key: repr(Model(key=key).model_dump(mode="json")),
    "pydantic model_dump_json": lambda key: Model(key=key).model_dump_json(),
    "pydantic ValidationError": lambda key: str(invalid(key)) + repr(invalid(key)),
    "pydantic errors()": lambda key: repr(invalid(key).errors()),
    "pydantic errors(), json": invalid_json,
    "pydantic error.json()": lambda key: invalid(key).json(),
    "logging %s": lambda key: logged("key %s", key),
    "logging %r": lambda key: logged("key %r", [key]),
    "logging mapping": lambda key: logged("key %(k)s", {"k": key}),
    "logging exception": logged_exception,
    "warnings": warned,
    "exception": lambda key: str(ValueError(key)) + repr(KeyError(key)) + str(failing(key)),
    "traceback with locals": locals_of,
    "unittest": compared,
    "rich": lambda key: console(lambda c: c.print(key, {"k": key})) + rich.pretty.pretty_repr([key]),
    "rich.inspect": rich_inspected,
    "rich traceback with locals": rich_locals_of,
    "Jupyter display": displayed,
    "IPython pretty": lambda key: IPython.lib.pretty.pretty({"k": key}),
}


def told(way: str, key: object) -> str:
    """Everything that comes out of one way, also of the error that ends it."""
    try:
        out = WAYS[way](key)
    except Exception as error:
        out = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        out += repr(error) + repr(vars(error))
    return out.decode("latin-1") if isinstance(out, bytes) else out


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_does_not_get_out(way, make_secret):
    assert VALUE not in told(way, make_secret(VALUE))


@pytest.mark.parametrize("way", WAYS)
def test_a_plain_str_gets_out(way):
    assert VALUE in told(way, VALUE)


@pytest.mark.parametrize(
    "spread",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, marshal.dumps, vars, hash, bytes, iter, len, int, float],
)
def test_what_a_secret_refuses_it_refuses_with_an_error(spread, make_secret):
    with pytest.raises((TypeError, ValueError)) as caught:
        spread(make_secret(VALUE))
    assert VALUE not in str(caught.value)


def test_a_secret_shows_its_name_where_it_shows_anything(make_secret):
    secret = make_secret(VALUE)
    for way in (
        "repr",
        "str",
        "f-string",
        "pydantic",
        "rich",
        "Jupyter display",
        "traceback with locals",
        "logging %s",
    ):
        assert secret.name in told(way, secret), way


def test_the_value_is_there_for_who_asks(make_secret):
    assert make_secret(VALUE).reveal() == VALUE


def peers() -> dict[str, Any]:
    """Other libraries' secrets, where they are installed."""
    found: dict[str, Any] = {"pydantic.SecretStr": pydantic.SecretStr(VALUE)}
    with contextlib.suppress(ImportError):
        from starlette.datastructures import Secret

        found["starlette.Secret"] = Secret(VALUE)
    with contextlib.suppress(ImportError):
        from azure.keyvault.secrets import KeyVaultSecret, SecretProperties

        found["azure.KeyVaultSecret"] = KeyVaultSecret(SecretProperties(), VALUE)
    with contextlib.suppress(ImportError):
        from botocore.credentials import Credentials

        found["botocore.Credentials"] = Credentials("AKIDEXAMPLE", VALUE)
    with contextlib.suppress(ImportError):
        from google.cloud.secretmanager import SecretPayload

        found["google.SecretPayload"] = SecretPayload(data=VALUE.encode())
    with contextlib.suppress(ImportError):
        import hvac

        found["hvac.Client"] = hvac.Client("https://vault.example.com", token=VALUE)
    return found


def test_the_same_grid_over_peers(make_secret, capsys):
    """Prints the grid (`pytest -s`); a peer that has closed a way is good news, not a failure."""
    leaks = {name: {way for way in WAYS if VALUE in told(way, key)} for name, key in peers().items()}
    leaks["botsec.Secret"] = {way for way in WAYS if VALUE in told(way, make_secret(VALUE))}
    for name, ways in sorted(leaks.items()):
        print(f"{name}: {len(ways)} of {len(WAYS)} ways leak: {', '.join(sorted(ways)) or 'none'}")
    assert leaks["botsec.Secret"] == set()
    assert leaks["pydantic.SecretStr"], "the ways find what a careful peer lets out"

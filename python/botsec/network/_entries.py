"""Entries of a key policy, from the form in which people write them.

A message names an entry by its place and a field by its name, never a value and never a field that is not known:
either may be a key that was pasted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from botsec import _core
from botsec.network._allowlist import IpAllowlist
from botsec.network._file import Wrong
from botsec.network._hasher import PREFIX, text_of, unfit
from botsec.network._rule import KeyEntry, Rule

if TYPE_CHECKING:
    from typing import Any

    from botsec.network._hasher import Hasher

_FIELDS = ("api_key", "api_key_hash", "allowed_ips", "name", "scopes", "methods", "paths", "expires")
#: Each entry is compared for every caller, so their number bounds what a stranger's request costs.
_MOST_ENTRIES = 10_000
_MOST_NAME_CHARS = 100
_DIGEST = re.compile(re.escape(PREFIX) + "([0-9a-f]{64})")
_METHOD = re.compile("[A-Z]{1,20}")


def rules_of(given: object, hasher: Hasher) -> tuple[list[Rule], bool]:
    """Read all entries; tells also whether a key stood there plainly.

    Raises:
        Wrong: An entry is not understood, or there are none or too many.
    """
    entries = [given] if isinstance(given, Mapping) else given
    if not isinstance(entries, list | tuple):
        raise Wrong("it is neither an object nor a list of objects")
    if not entries:
        raise Wrong("it has no entries, so it would refuse everybody")
    if len(entries) > _MOST_ENTRIES:
        raise Wrong(f"it has more than {_MOST_ENTRIES:,} entries")
    rules = [_Reader(index, entry, hasher).rule() for index, entry in enumerate(entries)]
    first: dict[bytes, int] = {}
    for index, rule in enumerate(rules):
        if first.setdefault(rule.digest, index) != index:
            raise Wrong(f"entry {index} has the same key as entry {first[rule.digest]}")
    return rules, any("api_key" in entry for entry in entries)


class _Reader:
    """Reads one entry, field by field."""

    def __init__(self, index: int, given: object, hasher: Hasher) -> None:
        self._index = index
        self._hasher = hasher
        if not isinstance(given, Mapping):
            raise Wrong(f"entry {index} is not an object")
        self._given: Mapping[Any, Any] = given

    def rule(self) -> Rule:
        for place, field in enumerate(self._given, 1):
            if field not in _FIELDS:
                close = get_close_matches(field, _FIELDS, 1) if isinstance(field, str) and len(field) < 20 else []
                meant = f"; did you mean `{close[0]}`?" if close else ""
                raise Wrong(f"entry {self._index}: its field number {place} is unknown{meant}")
        return Rule(
            KeyEntry(self._name(), frozenset(self._texts("scopes") or ())),
            self._digest(),
            self._addresses(),
            self._methods(),
            self._paths(),
            self._expires(),
        )

    def _wrong(self, field: str, why: str) -> Wrong:
        return Wrong(f"entry {self._index}, field `{field}`: {why}")

    def _name(self) -> str:
        name = self._given.get("name", f"entry {self._index}")
        if not (isinstance(name, str) and 0 < len(name) <= _MOST_NAME_CHARS and name.isprintable()):
            raise self._wrong("name", f"it is not a printable text of 1 to {_MOST_NAME_CHARS} characters")
        return name

    def _digest(self) -> bytes:
        is_plain = "api_key" in self._given
        if is_plain == ("api_key_hash" in self._given):
            raise Wrong(f"entry {self._index}: it needs one of `api_key` and `api_key_hash`")
        if is_plain:
            text = text_of(self._given["api_key"])
            why = "it is not a text" if text is None else unfit(text)
            if text is None or why:
                raise self._wrong("api_key", why)
            return self._hasher.digest(text)
        stored = self._given["api_key_hash"]
        found = _DIGEST.fullmatch(stored) if isinstance(stored, str) else None
        if found is None:
            raise self._wrong("api_key_hash", f"it is not `{PREFIX}` and 64 small hexadecimal digits")
        if not self._hasher.has_pepper:
            raise self._wrong("api_key_hash", "a hash needs `pepper=`, the one it was made with")
        return bytes.fromhex(found[1])

    def _addresses(self) -> IpAllowlist:
        texts = self._texts("allowed_ips")
        if texts is None:
            raise self._wrong("allowed_ips", "it is missing")
        try:
            return IpAllowlist(texts)
        except ValueError as error:
            raise self._wrong("allowed_ips", str(error).rstrip(".")) from None

    def _methods(self) -> frozenset[str] | None:
        methods = self._texts("methods")
        if methods is not None and not all(_METHOD.fullmatch(method) for method in methods):
            raise self._wrong("methods", "a method is in capital letters")
        return None if methods is None else frozenset(methods)

    def _paths(self) -> _core.PathTemplates | None:
        paths = self._texts("paths")
        try:
            return None if paths is None else _core.PathTemplates(paths)
        except ValueError:
            raise self._wrong("paths", "a path is written as `/users/{id:int}`, without a query") from None

    def _expires(self) -> float | None:
        if "expires" not in self._given:
            return None
        given = self._given["expires"]
        try:
            moment = datetime.fromisoformat(given) if isinstance(given, str) and len(given) <= 40 else given
            if isinstance(moment, datetime) and moment.utcoffset() is not None:
                return moment.timestamp()
        except (ValueError, OverflowError):
            pass
        raise self._wrong("expires", "it is not a date with time and offset, such as 2030-01-31T00:00:00+00:00")

    def _texts(self, field: str) -> list[str] | None:
        """A list of texts that is not empty: an empty one reads as "none" to some and as "any" to others."""
        if field not in self._given:
            return None
        given = self._given[field]
        if not isinstance(given, list | tuple) or not given:
            raise self._wrong(field, "it is not a list with at least one text")
        for place, text in enumerate(given):
            if not (isinstance(text, str) and text and text.isprintable()):
                raise self._wrong(field, f"its item {place} is not a printable text")
        return list(given)

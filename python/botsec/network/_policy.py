"""Keys that bots call your API with, each from its own addresses."""

from __future__ import annotations

import hmac
import time
from secrets import token_bytes
from typing import TYPE_CHECKING, final

from botsec import _core
from botsec.errors import BotsecError
from botsec.network import _entries, _file
from botsec.network._allowlist import Address, canonical
from botsec.network._hasher import MOST_BYTES, Hasher

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn, Self

    from botsec._core import Secret
    from botsec.network._rule import KeyEntry, Rule

#: Names that `repr` shows before it counts the rest.
_SHOWN = 20


@final
class KeyPolicy:
    """Which keys may call, from which addresses, until when.

    Keys are hashed as they are loaded, with HMAC-SHA-256 under `pepper`; the policy holds the hashes. It prints names
    only, and refuses to be pickled or copied. Made by `from_file` or `from_mapping`; safe to share between threads.
    """

    __slots__ = ("_hasher", "_rules")

    _hasher: Hasher
    _rules: tuple[Rule, ...]

    def __init__(self) -> None:
        raise TypeError("A KeyPolicy is made by from_file() or from_mapping().")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, pepper: Secret | None = None) -> Self:
        """Load a policy from a JSON file: one object, or a list of them.

        Args:
            path: The file, at most 1 MiB and 10,000 entries of `{"api_key": "…", "allowed_ips": ["192.0.2.1"]}`.
                Optional: `name`, `scopes`, `methods`, `paths` (templates such as `/users/{id:int}`) and `expires` (a
                date with time and offset). `api_key_hash` may stand for `api_key`: what `hash_key` returned.
            pepper: The key of the hashes, at least 16 bytes; needed for `api_key_hash`. It is revealed once, here.

        Raises:
            ValueError: The content is not understood. The message names entry and field, never a value.
            SecretNotFoundError: There is no such file.
            SecretAccessError: It cannot be read, everybody may write to it, or everybody may read it and it holds plain
                keys.
        """
        if not isinstance(path, str) and not hasattr(path, "__fspath__"):
            raise TypeError(f"`path` takes the path of a file, not {type(path).__name__}.")
        # An error would repeat the path, and a policy is no path.
        is_text = isinstance(path, str) and (path.lstrip()[:1] in ("{", "[") or "\0" in path)
        if is_text:
            del path
            raise ValueError("`path` takes the path of a file, not its text; use from_mapping() for that.")
        hasher = Hasher(pepper)
        rules, has_plain, is_open = _loaded(path, hasher)
        if isinstance(rules, Exception):
            raise rules
        if has_plain and is_open:
            raise _file.refused(path, "it holds plain keys and everybody may read it", "chmod 600, or store hashes")
        return cls._made(rules, hasher)

    @classmethod
    def from_mapping(
        cls, entries: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, pepper: Secret | None = None
    ) -> Self:
        """Make a policy of entries as `from_file` reads them; `api_key` may be a `Secret`, `expires` a datetime.

        Args:
            entries: One entry, or a list of them.
            pepper: As for `from_file`.

        Raises:
            ValueError: An entry is not understood. The message names entry and field, never a value.
        """
        hasher = Hasher(pepper)
        rules, _ = _read(entries, hasher, "The key policy")
        # A traceback with locals must not show the keys.
        del entries
        if isinstance(rules, Exception):
            raise rules
        return cls._made(rules, hasher)

    @classmethod
    def _made(cls, rules: list[Rule], hasher: Hasher) -> Self:
        made = object.__new__(cls)
        object.__setattr__(made, "_hasher", hasher)
        object.__setattr__(made, "_rules", tuple(rules))
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The entries' names, in their order."""
        return tuple(rule.entry.name for rule in self._rules)

    def hash(self, key: str | Secret) -> str:
        """Hash a key as `hash_key` does, with this policy's pepper.

        Raises:
            ValueError: The policy has no pepper, or no policy takes this key.
        """
        stored = self._hasher.store(key)
        del key
        if isinstance(stored, str):
            return stored
        raise stored

    def check(
        self, key: str | None, address: str | Address, method: str | None = None, path: str | None = None
    ) -> KeyEntry:
        """Let a caller in, or refuse.

        All entries are compared, in constant time each, and the outcome is one error whatever was wrong.

        Args:
            key: What the caller sent; None where it sent nothing.
            address: Where the call comes from: the socket's other end, or what `client_address` found.
            method: The request's method, in capital letters. An entry with `methods` refuses without it.
            path: The request's path as your framework decoded it. An entry with `paths` refuses without it, and refuses
                paths with `%` or control characters.

        Returns:
            The entry that has the key.

        Raises:
            PolicyError: Not allowed (`network.key_not_allowed`). Key, address, route and time are not told apart by its
                message; its note, for developers, says which it was, without the key and without the address.
            TypeError: An argument has the wrong type.

        Example:
            >>> bots = KeyPolicy.from_mapping({"api_key": "k" * 24, "allowed_ips": ["192.0.2.1"], "scopes": ["read"]})
            >>> sorted(bots.check("k" * 24, "192.0.2.1").scopes)
            ['read']
        """
        kinds = {"key": key, "method": method, "path": path}
        wrong = [name for name, value in kinds.items() if not (value is None or isinstance(value, str))]
        # Without a key, or with one too long to be one, every comparison is made all the same.
        is_key = isinstance(key, str) and 0 < len(key) <= MOST_BYTES
        digest = self._hasher.digest(key or "") if is_key else token_bytes(32)
        del key, kinds
        if wrong:
            raise TypeError(f"`{wrong[0]}` takes a str or None.")
        caller = canonical(address, "address")
        found: Rule | None = None
        for rule in self._rules:
            if hmac.compare_digest(rule.digest, digest):
                found = rule
        # Judged for unknown keys as well, so that both take the same road.
        why = (found or self._rules[0]).refusal(caller, method, path, time.time())
        if found is None:
            raise _core.make_error("network.key_not_allowed", reason="no entry has this key")
        if why is not None:
            reason = f"{why}, entry `{found.entry.name}`"
            raise _core.make_error("network.key_not_allowed", reason=reason)
        return found.entry

    def __repr__(self) -> str:
        more = len(self._rules) - _SHOWN
        return f"KeyPolicy({list(self.names[:_SHOWN])!r}{f' and {more} more' if more > 0 else ''})"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("A KeyPolicy cannot be pickled or copied; load it where it is needed.")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A KeyPolicy is frozen; load another.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A KeyPolicy is frozen; load another.")


def _read(entries: object, hasher: Hasher, what: str) -> tuple[list[Rule] | Exception, bool]:
    """The rules, or what is wrong with them; and whether a key stood there plainly.

    The error is returned, not raised: the frames and exceptions in which it was found hold keys, and end here.
    """
    try:
        return _entries.rules_of(entries, hasher)
    except _file.Wrong as wrong:
        return ValueError(f"{what} is not understood: {wrong}."), False
    except BotsecError as error:
        # A secret that stood in an entry cannot be read.
        return error.with_traceback(None), False


def _loaded(path: str | os.PathLike[str], hasher: Hasher) -> tuple[list[Rule] | Exception, bool, bool]:
    what = f"The key policy file `{_file.shown(path)}`"
    data, is_open = _file.read(path)
    try:
        entries = _file.decode(data)
    except _file.Wrong as wrong:
        return ValueError(f"{what} is not understood: {wrong}."), False, is_open
    return (*_read(entries, hasher, what), is_open)

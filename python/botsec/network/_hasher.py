"""Keyed hashes of keys: what is stored tells nothing without the pepper."""

from __future__ import annotations

import hmac
from secrets import token_bytes
from typing import TYPE_CHECKING

from botsec._core import Secret

if TYPE_CHECKING:
    from typing import Final

#: What stands before the digits, so that another hash may follow one day.
PREFIX: Final = "hmac-sha256:"
#: Shortest key and pepper in bytes: 128 bits where they are random.
_LEAST_BYTES = 16
#: Longest key in bytes: servers take no longer headers.
MOST_BYTES: Final = 4096


class Hasher:
    """HMAC-SHA-256 under the pepper, or under bytes of this process where there is none.

    It holds the keyed state, not the pepper: the pepper is revealed once, here.
    """

    __slots__ = ("_state", "has_pepper")

    def __init__(self, pepper: Secret | None) -> None:
        if pepper is not None and not isinstance(pepper, Secret):
            raise TypeError('`pepper` takes a Secret: load one with botsec.secret("env:KEY_PEPPER").')
        self.has_pepper = pepper is not None
        key = token_bytes(32) if pepper is None else pepper.reveal().encode()
        is_short = len(key) < _LEAST_BYTES
        self._state = hmac.new(key, digestmod="sha256")
        # A traceback that shows locals must not show it.
        del key
        if is_short:
            raise ValueError(f"The pepper is shorter than {_LEAST_BYTES} bytes; make one with `openssl rand -hex 32`.")

    def digest(self, key: str) -> bytes:
        """Hash a key; any text has a hash of its own."""
        state = self._state.copy()
        state.update(key.encode("utf-8", "surrogatepass"))
        return state.digest()

    def store(self, key: object) -> str | TypeError | ValueError:
        """Hash a key as a policy file holds it, or say why no policy takes it.

        The error is returned, not raised: its caller drops the key first, so that no traceback with locals shows it.
        """
        if not self.has_pepper:
            return ValueError("Without a pepper a hash is worth nothing outside this process.")
        text = text_of(key)
        if text is None:
            return TypeError(f"A key is a str or a Secret, not {type(key).__name__}.")
        wrong = unfit(text)
        return ValueError(f"The key cannot be hashed: {wrong}.") if wrong else f"{PREFIX}{self.digest(text).hex()}"


def hash_key(key: str | Secret, *, pepper: Secret) -> str:
    """Hash a key for the field `api_key_hash` of a policy file.

    Args:
        key: The bot's key.
        pepper: What the policy will be loaded with; at least 16 bytes.

    Returns:
        `hmac-sha256:` and 64 hexadecimal digits.

    Raises:
        TypeError: `key` is neither `str` nor `Secret`, or `pepper` is no `Secret`.
        ValueError: The key has fewer than 16 or more than 4,096 bytes, white space around it or control characters; or
            the pepper is shorter than 16 bytes.
    """
    stored = Hasher(pepper).store(key)
    del key
    if isinstance(stored, str):
        return stored
    raise stored


def text_of(key: object) -> str | None:
    """The text of a key that was given plainly or as a secret; None for anything else."""
    if isinstance(key, Secret):
        return key.reveal()
    return key if isinstance(key, str) else None


def unfit(text: str) -> str:
    """Why a text is no key that a header could carry; empty when it is one."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size < _LEAST_BYTES:
        return f"it is shorter than {_LEAST_BYTES} bytes, which can be guessed"
    if size > MOST_BYTES:
        return f"it is longer than {MOST_BYTES} bytes"
    if not text.isprintable() or text != text.strip():
        return "it has control characters, or white space around it"
    if text.startswith(PREFIX):
        return "it is a hash, which belongs into `api_key_hash`"
    return ""

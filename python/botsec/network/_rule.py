"""One entry of a key policy: whom it lets in. Pure: the address, route and time are arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botsec._core import PathTemplates
    from botsec.network._allowlist import Address, IpAllowlist

#: Longest path that is compared with templates: servers take no longer request lines.
_MOST_PATH_CHARS = 8192


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What a key that was let in may do.

    Attributes:
        name: The entry's name, or `entry N` where the file has none.
        scopes: Its scopes; what they mean is up to you.
    """

    name: str
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """An entry with its bounds; each holds by itself."""

    entry: KeyEntry
    digest: bytes = field(repr=False)
    addresses: IpAllowlist
    methods: frozenset[str] | None
    paths: PathTemplates | None
    expires: float | None

    def refusal(self, address: Address | None, method: str | None, path: str | None, now: float) -> str | None:
        """Why this caller may not pass, for developers; None when it may."""
        if address is None or not self.addresses.allows(address):
            return "the address is not allowed"
        if self.expires is not None and now >= self.expires:
            return "the key has expired"
        if self.methods is not None and method not in self.methods:
            return (
                "the method is not allowed" if method is not None else "no method was given, and the entry has methods"
            )
        if self.paths is not None and (path is None or not _fits(self.paths, path)):
            return "the path is not allowed" if path is not None else "no path was given, and the entry has paths"
        return None


def _fits(paths: PathTemplates, path: str) -> bool:
    # Paths come decoded. A `%` that is left would be decoded by somebody behind this check.
    is_plain = len(path) <= _MOST_PATH_CHARS and path.isprintable() and "%" not in path
    return is_plain and paths.fit(path)

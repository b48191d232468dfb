"""Lists of addresses and networks.

An IPv4 client of a dual-stack socket is seen as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2) and counts as `a.b.c.d`. No other
form is taken for IPv4: behind 6to4, NAT64 or ISATAP stands whoever wrote the address.
"""

from __future__ import annotations

from bisect import bisect_right
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias, final

from botsec import _core

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

Address: TypeAlias = IPv4Address | IPv6Address

#: Longest text of an address: six groups of four digits and an IPv4 address.
_MOST_CHARS = 45
#: Networks that `repr` shows before it counts the rest.
_SHOWN = 8


@final
class IpAllowlist:
    """Addresses and networks that may call. Frozen; compares and hashes by what it allows."""

    __slots__ = ("_networks", "_ranges")

    _networks: tuple[str, ...]
    _ranges: dict[int, tuple[tuple[int, ...], tuple[int, ...]]]

    def __init__(self, networks: Iterable[str]) -> None:
        """Check every entry.

        Args:
            networks: Addresses and networks in CIDR form, such as `["192.0.2.1", "2001:db8::/32"]`.
                `::ffff:192.0.2.0/120` is read as `192.0.2.0/24`.

        Raises:
            TypeError: Not an iterable of `str`.
            ValueError: There is no entry, or one is no address or network, has host bits set, a zone, or a mask instead
                of a prefix length. The message names its place, not its text.
        """
        if isinstance(networks, str | bytes) or not hasattr(networks, "__iter__"):
            raise TypeError(f"`networks` takes a list of str, not {type(networks).__name__}.")
        parsed = [_network(index, text) for index, text in enumerate(networks)]
        if not parsed:
            raise ValueError("An empty list would refuse everybody; name at least one address or network.")
        object.__setattr__(self, "_networks", tuple(_spelled(network) for network in parsed))
        v4 = collapse_addresses(network for network in parsed if isinstance(network, IPv4Network))
        v6 = collapse_addresses(network for network in parsed if isinstance(network, IPv6Network))
        object.__setattr__(self, "_ranges", {4: _ranges(v4), 6: _ranges(v6)})

    @property
    def networks(self) -> tuple[str, ...]:
        """The entries in their canonical form."""
        return self._networks

    def allows(self, address: str | Address) -> bool:
        """Tell whether `address` is on the list.

        Args:
            address: The client's address without port, or an object of `ipaddress`. A text that is no address, or has
                a zone, is on no list.

        Raises:
            TypeError: Neither `str` nor an address.

        Example:
            >>> IpAllowlist(["192.0.2.0/24"]).allows("192.0.2.7")
            True
        """
        return self._holds(canonical(address, "address"))

    def check(self, address: str | Address) -> None:
        """Refuse an address that is not on the list.

        Args:
            address: As for `allows`.

        Raises:
            PolicyError: It is not on the list, or no address (`network.address_not_allowed`). Neither message nor notes
                repeat it.
        """
        found = canonical(address, "address")
        if not self._holds(found):
            reason = "this is not an IP address" if found is None else "the address is on no network of the list"
            raise _core.make_error("network.address_not_allowed", reason=reason)

    def _holds(self, address: Address | None) -> bool:
        if address is None:
            return False
        starts, ends = self._ranges[address.version]
        at = bisect_right(starts, int(address)) - 1
        return at >= 0 and int(address) <= ends[at]

    def __contains__(self, address: str | Address) -> bool:
        return self.allows(address)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IpAllowlist) and self._ranges == other._ranges

    def __hash__(self) -> int:
        return hash(tuple(self._ranges.items()))

    def __repr__(self) -> str:
        more = len(self._networks) - _SHOWN
        return f"IpAllowlist({list(self._networks[:_SHOWN])!r}{f' and {more} more' if more > 0 else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (IpAllowlist, (self._networks,))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("An IpAllowlist is frozen; make another.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("An IpAllowlist is frozen; make another.")


def canonical(given: str | Address, name: str) -> Address | None:
    """Read an address; None where it is none. IPv4 within IPv6's mapped form is IPv4."""
    if isinstance(given, str):
        # Before anything looks at it: a stranger's text may have any length.
        address = _address(given) if len(given) <= _MOST_CHARS else None
    elif isinstance(given, IPv4Address | IPv6Address):
        address = given
    else:
        raise TypeError(f"`{name}` takes an IP address as a str, not {type(given).__name__}.")
    if isinstance(address, IPv6Address):
        # A zone names an interface of one machine (RFC 4007 §6): it means nothing on a list.
        return None if address.scope_id is not None else address.ipv4_mapped or address
    return address


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(index: int, text: object) -> IPv4Network | IPv6Network:
    if not isinstance(text, str):
        raise TypeError(f"Entry {index} is of type {type(text).__name__}, not str.")
    base, slash, bits = text[: _MOST_CHARS + 5].partition("/")
    address = _address(base)
    if address is None or "%" in base or len(text) > _MOST_CHARS + 4:
        raise ValueError(f"Entry {index} is not an IP address or a network such as 192.0.2.0/24.")
    length: int = address.max_prefixlen
    if slash:
        # A mask can be read in two ways: 0.0.0.255 is a host mask, 255.0.0.0 a net mask.
        if not (bits.isascii() and bits.isdigit() and len(bits) <= 3 and int(bits) <= length):
            raise ValueError(f"Entry {index} has no prefix length from 0 to {length} behind its slash.")
        length = int(bits)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is not None and length >= 96:
        address, length = mapped, length - 96
    host_bits = address.max_prefixlen - length
    if int(address) >> host_bits << host_bits != int(address):
        raise ValueError(f"Entry {index} has bits set behind its prefix: write the network's first address.")
    return ip_network((address, length))


def _spelled(network: IPv4Network | IPv6Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _ranges(networks: Iterable[IPv4Network | IPv6Network]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First and last addresses, sorted; collapsed networks do not overlap."""
    pairs = sorted((int(network.network_address), int(network.broadcast_address)) for network in networks)
    return tuple(first for first, _ in pairs), tuple(last for _, last in pairs)

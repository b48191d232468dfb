"""Whose request it is, behind proxies of one's own.

`X-Forwarded-For` is text that anybody can send. Its right end was written by the proxy that is connected to us, and
each element further left by the one before; so it is believed from the right, as far as known proxies wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botsec import _core
from botsec.network._allowlist import Address, IpAllowlist, canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Most proxies in a row: real chains have three or four.
_MOST_HOPS = 20
#: Most characters that are looked at, from the right end: 20 hops need less than 1,200.
_MOST_CHARS = 4096


def client_address(
    peer: str | Address, forwarded_for: str | Sequence[str] | None = None, *, trusted_proxies: IpAllowlist | None = None
) -> str:
    """Find the client's address behind trusted proxies.

    Args:
        peer: The address of the socket's other end, without port.
        forwarded_for: The `X-Forwarded-For` header, or its lines in the order they came. Read from the right through
            trusted proxies only, at most 20 of them and 4 KiB; without `trusted_proxies` it is ignored.
        trusted_proxies: Your own proxies. Keep them off the lists that this address is checked against: where a proxy
            writes something that is no address, the answer is that proxy.

    Returns:
        The canonical address of the first hop from the right that is not a trusted proxy, or of the last trusted one
        where the header ends, or stops being a list of addresses, before that.

    Raises:
        InputError: `peer` is not an address, such as a unix socket's (`network.no_address`).
        TypeError: An argument has the wrong type.

    Example:
        >>> proxies = IpAllowlist(["10.0.0.0/8"])
        >>> client_address("10.0.0.2", "6.6.6.6, 198.51.100.7, 10.0.0.1", trusted_proxies=proxies)
        '198.51.100.7'
    """
    if trusted_proxies is not None and not isinstance(trusted_proxies, IpAllowlist):
        raise TypeError(f"`trusted_proxies` takes an IpAllowlist, not {type(trusted_proxies).__name__}.")
    client = canonical(peer, "peer")
    if client is None:
        hint = "pass the address of the socket's other end, without its port"
        raise _core.make_error("network.no_address", reason="`peer` is not an IP address", hint=hint)
    hops = [] if forwarded_for is None else _hops(forwarded_for)
    if trusted_proxies is None:
        return str(client)
    for text in hops:
        hop = _hop(text) if trusted_proxies.allows(client) else None
        if hop is None:
            break
        client = hop
    return str(client)


def _hops(header: str | Sequence[str]) -> list[str]:
    """The elements of the header's right end, nearest first."""
    lines = [header] if isinstance(header, str) else header
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise TypeError("`forwarded_for` takes a str or a list of str; decode bytes as latin-1.")
    text = ",".join(lines)
    tail = text[-_MOST_CHARS:]
    if len(text) > len(tail):
        # The cut may have made 1.2.3.4 of 91.2.3.4.
        tail = tail.partition(",")[2]
    return tail.split(",")[: -_MOST_HOPS - 1 : -1]


def _hop(text: str) -> Address | None:
    """One element: an address, with a port where a gateway wrote one."""
    text = text.strip(" \t")
    bare = text
    if text.startswith("["):
        bare, closed, port = text[1:].partition("]")
        if not closed or ":" not in bare or (port and not (port[0] == ":" and _is_port(port[1:]))):
            return None
    elif text.count(":") == 1:
        bare, _, port = text.partition(":")
        if not _is_port(port):
            return None
    return canonical(bare, "forwarded_for")


def _is_port(text: str) -> bool:
    return 0 < len(text) <= 5 and text.isascii() and text.isdigit()

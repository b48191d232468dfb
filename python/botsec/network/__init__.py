"""Who may call your own API: lists of addresses, and bots' keys that work from their addresses alone.

The rest of botsec sends requests; this module is for the side that receives them. It opens no connection and trusts no
header by itself.

>>> from botsec import network
>>> office = network.IpAllowlist(["192.0.2.1", "2001:db8::/32"])
>>> "::ffff:192.0.2.1" in office
True
>>> network.client_address("198.51.100.7", "192.0.2.1")  # the header alone proves nothing
'198.51.100.7'
>>> bots = network.KeyPolicy.from_mapping({"name": "bot-7", "api_key": "k" * 24, "allowed_ips": ["192.0.2.1"]})
>>> bots.check("k" * 24, "192.0.2.1").name
'bot-7'
"""

from __future__ import annotations

from botsec.network._allowlist import IpAllowlist
from botsec.network._client import client_address
from botsec.network._hasher import hash_key
from botsec.network._policy import KeyPolicy
from botsec.network._rule import KeyEntry

__all__ = ["IpAllowlist", "KeyEntry", "KeyPolicy", "client_address", "hash_key"]

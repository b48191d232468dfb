"""One typed way in: what a stranger typed is the value that was expected, or an `InputError`.

Calling a validator returns the value or raises `InputError`; `is_valid` says whether it fits, as a bool. The error says
what was expected, in words that a stranger may read; neither the value nor a key that a stranger chose is in it. All of
them take linear time and ask no network. Validators are immutable: make them once, at import.

>>> from typing import Annotated
>>> from botsec import validate
>>> validate.Int(1, 100)(42)
42
>>> validate.Email().is_valid("Bob <bob@example.com>")
False
>>> @validate.checked
... def ban(user: Annotated[str, validate.Snowflake()], days: Annotated[int, validate.Int(0, 7)] = 1) -> str:
...     return f"{user} for {days} d"
>>> ban("80351110224678912", days=3)
'80351110224678912 for 3 d'
>>> try:
...     ban("80351110224678912", days=True)
... except ValueError as error:
...     print(error)
`days` must be a whole number from 0 to 7.
"""

from __future__ import annotations

from botsec._core import (
    E164,
    Date,
    DateTime,
    Email,
    Float,
    HeaderName,
    HeaderValue,
    Hostname,
    HttpsUrl,
    IdempotencyKey,
    Int,
    IpAddress,
    OneOf,
    Pattern,
    Record,
    SlackId,
    Slug,
    Snowflake,
    Str,
    TelegramChatId,
    Text,
    Uuid,
    Validator,
)
from botsec.validate._checked import checked, fields

__all__ = [
    "E164",
    "Date",
    "DateTime",
    "Email",
    "Float",
    "HeaderName",
    "HeaderValue",
    "Hostname",
    "HttpsUrl",
    "IdempotencyKey",
    "Int",
    "IpAddress",
    "OneOf",
    "Pattern",
    "Record",
    "SlackId",
    "Slug",
    "Snowflake",
    "Str",
    "TelegramChatId",
    "Text",
    "Uuid",
    "Validator",
    "checked",
    "fields",
]

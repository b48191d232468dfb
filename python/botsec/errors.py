"""What can go wrong, in one tree.

::

    BotsecError
    ├── SecretError            SecretNotFoundError(LookupError)  SecretAccessError  SecretStaleError
    ├── InputError(ValueError)
    ├── PolicyError            InsecureUrlError  RouteNotAllowedError  HostNotAllowedError
    │                          AddressBlockedError  RedirectRefusedError
    ├── ThrottledError
    ├── TransportError         ConnectError(ConnectionError)  TlsError  RequestTimeoutError(TimeoutError)
    │                          ProtocolError  ResponseTooLargeError
    ├── StatusError            AuthFailedError  ForbiddenError  RateLimitedError
    └── InternalError

`str(error)` is safe to show to a stranger: a generic sentence and an incident id. What a developer needs is in the
notes that tracebacks show, in `details`, and in the log under the same incident id.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "AddressBlockedError",
    "AuthFailedError",
    "BotsecError",
    "ConnectError",
    "ForbiddenError",
    "HostNotAllowedError",
    "InputError",
    "InsecureUrlError",
    "InternalError",
    "PolicyError",
    "ProtocolError",
    "RateLimitedError",
    "RedirectRefusedError",
    "RequestTimeoutError",
    "ResponseTooLargeError",
    "RouteNotAllowedError",
    "SecretAccessError",
    "SecretError",
    "SecretNotFoundError",
    "SecretStaleError",
    "StatusError",
    "ThrottledError",
    "TlsError",
    "TransportError",
    "user_text",
]


class BotsecError(Exception):
    """Everything that botsec raises, except Python's own errors for wrong use.

    Attributes:
        code: Stable text `room.reason`, such as `"policy.host_not_allowed"`.
        user_message: A sentence for strangers, without the incident id.
        incident_id: Connects the exception with its log record; None for start-up errors.
        retry_after: Seconds until another try makes sense, or None.
        details: Redacted facts for developers.
        hint: How to fix it, or None.
    """

    code: str = "botsec.error"

    def __init__(
        self,
        user_message: str = "An internal error occurred. Please try again later.",
        *,
        code: str | None = None,
        incident_id: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, str] | None = None,
        hint: str | None = None,
        response: Any = None,
    ) -> None:
        message = user_message
        if retry_after is not None and incident_id is not None:
            wait = f"{max(retry_after, 1):.0f} s"
            message = user_message.replace("Please try again later.", f"Please try again in {wait}.")
        if incident_id is not None:
            message = f"{message} [incident {incident_id}]"
        super().__init__(message)
        self.code = code if code is not None else type(self).code
        self.user_message = user_message
        self.incident_id = incident_id
        self.retry_after = retry_after
        self.details = dict(details or {})
        self.hint = hint
        self.response = response
        for key, value in {"code": self.code, **self.details}.items():
            self.add_note(f"{key}: {value}")
        if retry_after is not None:
            self.add_note(f"retry_after: {retry_after:.1f} s")
        if hint is not None:
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        # The response stays behind: its headers and body may hold more than the details say.
        state = (self.code, self.user_message, self.incident_id, self.retry_after, self.details, self.hint)
        return (_rebuild, (type(self), *state))


def _rebuild(
    cls: type[BotsecError],
    code: str,
    user_message: str,
    incident_id: str | None,
    retry_after: float | None,
    details: dict[str, str],
    hint: str | None,
) -> BotsecError:
    return cls(user_message, code=code, incident_id=incident_id, retry_after=retry_after, details=details, hint=hint)


class SecretError(BotsecError):
    """A secret cannot be used."""


class SecretNotFoundError(SecretError, LookupError):
    """The source of a secret is unset or empty."""


class SecretAccessError(SecretError):
    """The source of a secret may not or cannot be read."""


class SecretStaleError(SecretError):
    """A secret is older than its source allows."""


class InputError(BotsecError, ValueError):
    """A path, header, parameter or validator refused a value. Nothing was sent.

    Neither the value nor a key that a stranger chose is in it.

    Attributes:
        errors: Every refusal as a pair of `path` and `expected`; empty where a request was refused as a whole.
    """

    errors: tuple[tuple[str | None, str], ...] = ()

    @property
    def path(self) -> str | None:
        """Which value it is about, such as `"user.age"`: the first of `errors`. None when there is one alone."""
        return self.details.get("path") or self.details.get("field") or self.details.get("header")

    @property
    def expected(self) -> str | None:
        """What the value must be, such as `"a whole number from 1 to 100"`; None where that is not known."""
        return self.details.get("expected")

    def __reduce__(self) -> tuple[Any, ...]:
        return (*super().__reduce__(), {"errors": self.errors})


class PolicyError(BotsecError):
    """The request is not allowed."""


class InsecureUrlError(PolicyError):
    """The URL is not https."""


class RouteNotAllowedError(PolicyError):
    """The route is not on the allow list."""


class HostNotAllowedError(PolicyError):
    """The host is not one that the client, or the secret, may reach."""


class AddressBlockedError(PolicyError):
    """The host leads to an address that is not public."""


class RedirectRefusedError(PolicyError):
    """A redirect leads where the client may not go."""


class ThrottledError(BotsecError):
    """Our own queue refused. Nothing was sent."""


class TransportError(BotsecError):
    """The exchange with the server failed."""


class ConnectError(TransportError, ConnectionError):
    """No connection could be made."""


class TlsError(TransportError):
    """The server's certificate or the TLS handshake is not acceptable."""


class RequestTimeoutError(TransportError, TimeoutError):
    """No complete answer came in time."""


class ProtocolError(TransportError):
    """The answer breaks the rules of HTTP, of its content coding or of its media type."""


class ResponseTooLargeError(TransportError):
    """The answer is larger than allowed."""


class StatusError(BotsecError):
    """The final status is not 200 to 299, or `check=` refused the response.

    Attributes:
        status_code: The status.
        response: The response, its body at most 64 KiB; None after unpickling.
    """

    @property
    def status_code(self) -> int | None:
        """The HTTP status."""
        status = self.details.get("status")
        return int(status) if status is not None else None


class AuthFailedError(StatusError):
    """401: the API does not accept the credentials."""


class ForbiddenError(StatusError):
    """403: the API does not allow this."""


class RateLimitedError(StatusError):
    """A refusal for the pace, whatever its status, after all retries; or a wait beyond the cap.

    `status_code` is None, and nothing was sent, when an earlier answer asked for that wait.
    """


class InternalError(BotsecError):
    """Our own bug. Please report it with the incident id."""


def _build(
    name: str,
    code: str,
    user_message: str,
    incident_id: str | None,
    retry_after: float | None,
    details: dict[str, str],
    hint: str | None,
    response: Any,
) -> BotsecError:
    """Make the exception that the core asks for."""
    cls = globals().get(name, InternalError)
    error: BotsecError = cls(
        user_message,
        code=code,
        incident_id=incident_id,
        retry_after=retry_after,
        details=details,
        hint=hint,
        response=response,
    )
    return error


#: Characters of a sentence that `user_text` shows: more than ours have, less than any platform takes.
_LONGEST = 500

#: The function of `botsec.escape` for each platform.
_ESCAPERS = {
    "discord": "discord",
    "html": "html",
    "irc": "irc",
    "matrix": "matrix_html",
    "slack": "slack",
    "teams": "teams",
    "telegram": "telegram",
    "telegram_html": "telegram_html",
    "telegram_markdown": "telegram",
    "terminal": "terminal",
    "whatsapp": "whatsapp",
}


def user_text(exc: BaseException, *, platform: str = "plain") -> str:
    """Say to a stranger what went wrong, in one line that is escaped for their platform.

    Args:
        exc: Any exception. Of one that is not botsec's nothing is shown; of one at start-up its general sentence,
            without the name in it.
        platform: `"plain"`, `"discord"`, `"html"`, `"irc"`, `"matrix"`, `"slack"`, `"teams"`, `"telegram"` or
            `"telegram_markdown"` (MarkdownV2, as `escape.telegram`), `"telegram_html"`, `"terminal"`, `"whatsapp"`.

    Returns:
        At most 500 characters before the escape: the sentence, when to try again, the incident id.

    Raises:
        TypeError: `exc` is no exception.
        ValueError: `platform` is none of these.

    Example:
        >>> user_text(KeyError("password of Ann"))
        'An internal error occurred. Please try again later.'
        >>> print(user_text(BotsecError("This request is not allowed.", incident_id="7K3F9QXA"), platform="telegram"))
        This request is not allowed\\. \\[incident 7K3F9QXA\\]
    """
    if not isinstance(exc, BaseException):
        raise TypeError(f"user_text takes an exception, not {type(exc).__name__}.")
    if platform != "plain" and platform not in _ESCAPERS:
        raise ValueError(f"`platform` is one of {', '.join(['plain', *_ESCAPERS])}.")
    # Imported late: the core looks up this module while it loads.
    from contextlib import suppress

    from botsec import _core, escape

    sentence: object = None
    if isinstance(exc, BotsecError):
        # A subclass of somebody's own may lack what `BotsecError` sets, or have a code that is in no table.
        if getattr(exc, "incident_id", None) is not None or isinstance(exc, InputError):
            sentence = exc.args[0] if exc.args else None
        else:
            with suppress(ValueError):
                sentence = _core.make_error(exc.code).args[0]
    if not isinstance(sentence, str):
        sentence = "An internal error occurred. Please try again later."
    line = " ".join(sentence[: 4 * _LONGEST].split())
    line = "".join(c for c in line if c.isprintable())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1] + "…"
    if platform == "plain":
        return line
    shown: str = getattr(escape, _ESCAPERS[platform])(line)
    return shown

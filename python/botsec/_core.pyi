"""The native half of `botsec`. Private: import `botsec`."""

import asyncio
import contextvars
import types
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from os import PathLike
from typing import Any, Generic, Literal, LiteralString, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from botsec._base import Adapter, JsonSchema
from botsec._stream import ServerSentEvent
from botsec.errors import BotsecError, InputError

_T = TypeVar("_T")

__all__ = [
    "E164",
    "ApiKey",
    "AppRoleLogin",
    "Aws",
    "AwsSigV4",
    "Azure",
    "AzureClientSecret",
    "AzureManagedIdentity",
    "AzureWorkloadIdentity",
    "Basic",
    "Bearer",
    "Bridge",
    "Client",
    "Date",
    "DateTime",
    "Email",
    "Finding",
    "Float",
    "Gcp",
    "Granted",
    "HeaderName",
    "HeaderValue",
    "Headers",
    "HmacSigner",
    "Hostname",
    "HttpSignature",
    "HttpsUrl",
    "IdempotencyKey",
    "Int",
    "IpAddress",
    "JwtLogin",
    "KubernetesLogin",
    "OAuth2ClientCredentials",
    "OAuth2Refresh",
    "OneOf",
    "PathTemplates",
    "PathToken",
    "Pattern",
    "PendingCall",
    "PendingChunk",
    "PendingLoad",
    "PendingPlace",
    "PendingQuestion",
    "PendingRoom",
    "Promise",
    "Proxy",
    "Record",
    "Redis",
    "Response",
    "Retry",
    "Safe",
    "Sanitized",
    "Secret",
    "SecretProvider",
    "SignRequest",
    "SlackId",
    "Slug",
    "Snowflake",
    "Str",
    "TelegramChatId",
    "Text",
    "Throttle",
    "Timeout",
    "Tls",
    "Uuid",
    "Validator",
    "Vault",
    "VaultToken",
    "__version__",
    "after_fork_in_child",
    "after_fork_in_parent",
    "allows_dumps",
    "before_fork",
    "clock_advance",
    "clock_fake",
    "clock_wall",
    "escape_css_string",
    "escape_csv_cell",
    "escape_discord",
    "escape_html",
    "escape_html_attribute",
    "escape_irc",
    "escape_js_string",
    "escape_json_in_script",
    "escape_ldap",
    "escape_link",
    "escape_log",
    "escape_matrix_html",
    "escape_sanitize_html",
    "escape_slack",
    "escape_slack_markdown",
    "escape_sql_like",
    "escape_teams",
    "escape_telegram",
    "escape_telegram_html",
    "escape_terminal",
    "escape_url_query",
    "escape_url_segment",
    "escape_whatsapp",
    "forbid_dumps",
    "forbid_reveal",
    "forget_server",
    "input_error",
    "load_secret",
    "make_error",
    "message_payloads",
    "message_sanitize",
    "message_split",
    "render",
    "throwaway_ca",
]

__version__: str

def escape_css_string(text: str) -> str: ...
def escape_csv_cell(text: str) -> str: ...
def escape_discord(text: str, *, where: Literal["text", "code", "link"] = "text") -> str: ...
def escape_html(text: str) -> str: ...
def escape_html_attribute(text: str) -> str: ...
def escape_irc(text: str) -> str: ...
def escape_js_string(text: str) -> str: ...
def escape_json_in_script(text: str) -> str: ...
def escape_ldap(text: str) -> str: ...
def escape_link(url: str, *, allow_hosts: list[str] | tuple[str, ...] | str | None = None) -> str: ...
def escape_log(text: str) -> str: ...
def escape_matrix_html(text: str) -> str: ...
def escape_sanitize_html(text: str, profile: Literal["chat", "matrix", "email"] = "chat") -> str: ...
def escape_slack(text: str) -> str: ...
def escape_slack_markdown(text: str) -> str: ...
def escape_sql_like(text: str) -> str: ...
def escape_teams(text: str) -> str: ...
def escape_telegram(text: str, *, where: Literal["text", "code", "link"] = "text") -> str: ...
def escape_telegram_html(text: str) -> str: ...
def escape_terminal(text: str) -> str: ...
def escape_url_query(text: str) -> str: ...
def escape_url_segment(text: str) -> str: ...
def escape_whatsapp(text: str) -> str: ...

@final
class Safe:
    """Text that is safe already, for one platform of `botsec.render`; on another it is refused."""

    def __new__(cls, text: LiteralString, platform: str) -> Self: ...
    @property
    def platform(self) -> str: ...

def render(platform: str, template: object, values: Mapping[str, object]) -> str: ...
def message_payloads(
    platform: str,
    given: str | None,
    *,
    markup: str | None,
    mentions: Sequence[str | int],
    previews: bool,
    max_parts: int,
    parse_mode: str | None = None,
) -> list[dict[str, Any]]: ...
def message_split(given: str, platform: str, max_parts: int) -> list[str]: ...
def message_sanitize(given: str, platform: str, allow_hosts: Sequence[str]) -> Sanitized: ...
def forbid_reveal() -> None: ...
def forbid_dumps() -> bool | None: ...
def allows_dumps() -> bool | None: ...
def make_error(
    code: str, *, said: str | None = None, reason: str | None = None, hint: str | None = None
) -> BotsecError: ...
def load_secret(source: str, given: Mapping[str, object]) -> Secret: ...
def throwaway_ca(names: list[str]) -> tuple[str, str, str]: ...
def clock_fake(on: bool) -> None: ...
def clock_advance(time: float | timedelta) -> None: ...
def clock_wall() -> float: ...
def forget_server(authority: str) -> None: ...
def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...

@final
class Finding:
    @property
    def kind(self) -> str: ...
    @property
    def host(self) -> str | None: ...
    @property
    def count(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Sanitized:
    @property
    def text(self) -> str: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...

@final
class Secret:
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str | None: ...
    @property
    def hosts(self) -> list[str] | None: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def protection(self) -> str | None: ...
    @property
    def is_rotating(self) -> bool: ...
    @property
    def bounds(self) -> dict[str, str]: ...
    def reveal(self) -> str: ...
    def load(self) -> Self: ...
    def on_rotate(self, callback: Callable[[Any], object]) -> None: ...
    def refresh(self) -> None: ...
    def _start(self, bridge: Bridge, again: bool) -> PendingLoad: ...
    def _due(self, again: bool) -> tuple[Callable[[str], Any], str] | None: ...
    def _call(self) -> tuple[Callable[[str], Any], str] | None: ...
    def _found(self, found: object) -> None: ...
    def _failed(self, kind: str, gone: bool) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __bool__(self) -> bool: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: object) -> Self: ...
    def __format__(self, _spec: str) -> str: ...
    __hash__: None  # type: ignore[assignment]

@disjoint_base
class SecretProvider: ...

@final
class Aws(SecretProvider):
    def __new__(
        cls,
        region: str | None = None,
        *,
        access_key_id: str | Secret | None = None,
        secret_access_key: Secret | None = None,
        session_token: Secret | None = None,
        profile: str | None = None,
        endpoint: str | None = None,
        sts_endpoint: str | None = None,
        allow_process: bool = False,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @classmethod
    def from_env(
        cls,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        sts_endpoint: str | None = None,
        allow_process: bool = False,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...

@final
class PathTemplates:
    def __new__(cls, templates: Sequence[str]) -> Self: ...
    def fit(self, path: str) -> bool: ...

@final
class Gcp(SecretProvider):
    def __new__(
        cls,
        credentials: Secret | Literal["metadata"],
        *,
        endpoint: str | None = None,
        hosts: Sequence[str] | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @classmethod
    def from_env(
        cls,
        *,
        endpoint: str | None = None,
        hosts: Sequence[str] | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...

@final
class Azure(SecretProvider):
    def __new__(
        cls,
        vault_url: str,
        *,
        credentials: AzureClientSecret | AzureWorkloadIdentity | AzureManagedIdentity | Literal["metadata"],
        authority: str | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @classmethod
    def from_env(
        cls,
        vault_url: str,
        *,
        authority: str | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...

@final
class AzureClientSecret:
    def __new__(cls, tenant: str, client_id: str, secret: Secret) -> Self: ...

@final
class AzureWorkloadIdentity:
    def __new__(cls, tenant: str, client_id: str, token: Secret) -> Self: ...

@final
class AzureManagedIdentity:
    def __new__(cls, client_id: str | None = None) -> Self: ...

@final
class PendingLoad:
    @property
    def future(self) -> Promise: ...
    def cancel(self) -> None: ...
    def finish(self) -> None: ...

@final
class Bearer:
    def __new__(cls, secret: Secret) -> Self: ...

@final
class Basic:
    def __new__(cls, user: str, secret: Secret) -> Self: ...

@final
class ApiKey:
    def __new__(
        cls, secret: Secret, *, header: str | None = None, query: str | None = None, prefix: str = ""
    ) -> Self: ...

@final
class PathToken:
    def __new__(cls, secret: Secret, *, template: str = "/bot{token}") -> Self: ...

@final
class HmacSigner:
    def __new__(
        cls,
        secret: Secret,
        *,
        header: str = "X-Signature",
        prefix: str = "",
        layout: str | None = None,
        content: str | None = None,
        key_id: str | None = None,
        key_id_header: str | None = None,
        timestamp_header: str | None = "X-Timestamp",
        nonce_header: str | None = "X-Nonce",
        timestamp_format: Literal["unix", "unix_ms", "iso8601"] = "unix",
        digest: Literal["sha256", "sha512"] = "sha256",
        encoding: Literal["hex", "base64"] = "hex",
        key_encoding: Literal["raw", "hex", "base64"] = "raw",
    ) -> Self: ...

@final
class HttpSignature:
    def __new__(
        cls,
        secret: Secret,
        *,
        algorithm: Literal["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "rsa-v1_5-sha256", "hmac-sha256"],
        key_id: str | None = None,
        components: Sequence[str] | None = None,
        label: str = "sig1",
        created: bool = True,
        expires: float | timedelta | None = None,
        nonce: bool = True,
        tag: str | None = None,
        include_alg: bool = False,
        digest: Literal["sha-256", "sha-512"] = "sha-256",
        key_encoding: Literal["pem", "hex", "base64", "raw"] | None = None,
    ) -> Self: ...

@final
class AwsSigV4:
    def __new__(
        cls,
        access_key_id: str | Secret,
        secret: Secret,
        *,
        region: str,
        service: str,
        session_token: Secret | None = None,
        content_sha256: bool | None = None,
    ) -> Self: ...

@final
class OAuth2ClientCredentials:
    def __new__(
        cls,
        token_url: str,
        *,
        client_id: str,
        client_secret: Secret,
        scope: str | Sequence[str] | None = None,
        audience: str | None = None,
        auth_style: Literal["basic", "body"] = "basic",
        extra: Mapping[str, str | Secret] | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @property
    def token(self) -> Secret: ...

@final
class OAuth2Refresh:
    def __new__(
        cls,
        token_url: str,
        *,
        client_id: str,
        refresh_token: Secret,
        client_secret: Secret | None = None,
        scope: str | Sequence[str] | None = None,
        auth_style: Literal["basic", "body"] | None = None,
        extra: Mapping[str, str | Secret] | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @property
    def token(self) -> Secret: ...
    @property
    def refresh_token(self) -> Secret: ...

@final
class VaultToken:
    def __new__(cls, secret: Secret) -> Self: ...

@final
class AppRoleLogin:
    def __new__(cls, role_id: str | Secret, *, secret_id: Secret, mount: str = "approle") -> Self: ...

@final
class KubernetesLogin:
    def __new__(
        cls,
        *,
        role: str,
        mount: str = "kubernetes",
        token_file: str | PathLike[str] = ...,
    ) -> Self: ...

@final
class JwtLogin:
    def __new__(cls, *, role: str, jwt: Secret, mount: str = "jwt") -> Self: ...

@final
class Vault(SecretProvider):
    def __new__(
        cls,
        url: str,
        *,
        login: VaultToken | AppRoleLogin | KubernetesLogin | JwtLogin,
        namespace: str | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...
    @classmethod
    def from_env(
        cls,
        *,
        login: VaultToken | AppRoleLogin | KubernetesLogin | JwtLogin | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
    ) -> Self: ...

@final
class Timeout:
    def __new__(
        cls,
        total: float | timedelta | None = None,
        *,
        connect: float | timedelta | None = None,
        read: float | timedelta | None = None,
    ) -> Self: ...
    @property
    def total(self) -> float: ...
    @property
    def connect(self) -> float: ...
    @property
    def read(self) -> float: ...

@final
class Retry:
    def __new__(
        cls,
        attempts: int = 3,
        *,
        base: float | timedelta | None = None,
        cap: float | timedelta | None = None,
        max_retry_after: float | timedelta | None = None,
        methods: Sequence[str] | None = None,
        on_429: Literal["all", "idempotent", "never"] = "all",
    ) -> Self: ...

@final
class Throttle:
    def __new__(
        cls,
        limits: str | Sequence[str] | None = None,
        *,
        max_wait: float | timedelta | None = None,
        max_queue: int = 10_000,
        key: str | None = None,
        per: Literal["host", "route"] = "host",
        dialect: str | None = None,
        store: Redis | None = None,
        processes: int | None = None,
    ) -> Self: ...
    def try_acquire(
        self, weight: int = 1, *, priority: Literal["interactive", "normal", "bulk"] = "normal"
    ) -> bool: ...
    def acquire(self, weight: int = 1, *, priority: Literal["interactive", "normal", "bulk"] = "normal") -> None: ...
    def acquire_async(
        self, weight: int = 1, *, priority: Literal["interactive", "normal", "bulk"] = "normal"
    ) -> Awaitable[None]: ...
    def start(self, bridge: Bridge, weight: int, priority: str) -> PendingPlace: ...

@final
class Redis:
    def __new__(
        cls,
        url: str,
        *,
        username: str | None = None,
        password: Secret | None = None,
        networks: str | Sequence[str] | None = None,
        tls: Tls | None = None,
        on_failure: Literal["local_share", "fail_closed", "fail_open"] = "local_share",
        timeout: float | timedelta | None = None,
    ) -> Self: ...

@final
class Granted:
    def __await__(self) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> None: ...

@final
class PendingPlace:
    @property
    def future(self) -> asyncio.Future[None]: ...
    def cancel(self) -> None: ...
    def finish(self) -> None: ...

@final
class Tls:
    def __new__(
        cls,
        *,
        ca_file: Any = None,
        ca_only: bool = False,
        pins: Sequence[str] | None = None,
        client_cert: tuple[Any, Secret] | None = None,
        crls: Any = None,
        min_version: Literal["1.2", "1.3"] = "1.2",
    ) -> Self: ...

@final
class Proxy:
    def __new__(
        cls,
        url: str,
        *,
        auth: tuple[str, Secret] | None = None,
        allow_plain_auth: bool = False,
        filters_addresses: bool = False,
    ) -> Self: ...

@final
class Headers:
    def __getitem__(self, name: str, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get_list(self, name: str) -> list[str]: ...
    def keys(self) -> list[str]: ...
    def values(self) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...
    def __contains__(self, name: object, /) -> bool: ...

@final
class SignRequest:
    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def content(self) -> bytes | None: ...

@final
class Response:
    @property
    def status_code(self) -> int: ...
    @property
    def reason_phrase(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    @overload
    def json(self, *, schema: None = None) -> Any: ...
    @overload
    def json(self, *, schema: type[_T]) -> _T: ...
    @overload
    def json(self, *, schema: Adapter[_T]) -> _T: ...
    @overload
    def json(self, *, schema: Validator[_T]) -> _T: ...
    @overload
    def json(self, *, schema: Callable[[Any], object] | JsonSchema) -> Any: ...
    @property
    def url(self) -> str: ...
    def reveal_url(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def elapsed(self) -> timedelta: ...
    @property
    def attempts(self) -> int: ...
    @property
    def rate_limit(self) -> dict[str, int | float | None] | None: ...
    @property
    def request_id(self) -> str | None: ...
    def raise_for_status(self) -> Self: ...
    @property
    def is_stream(self) -> bool: ...
    def next_chunk(self) -> bytes | None: ...
    def start_chunk(self, bridge: Bridge) -> PendingChunk | None: ...
    def overlong(self) -> Exception: ...
    def close(self) -> None: ...
    def read(self) -> bytes: ...
    def iter_bytes(self) -> Iterator[bytes]: ...
    def iter_lines(self) -> Iterator[str]: ...
    def iter_sse(self) -> Iterator[ServerSentEvent]: ...
    def aread(self) -> Awaitable[bytes]: ...
    def aiter_bytes(self) -> AsyncIterator[bytes]: ...
    def aiter_lines(self) -> AsyncIterator[str]: ...
    def aiter_sse(self) -> AsyncIterator[ServerSentEvent]: ...

@final
class Client:
    def __new__(cls, kind: Literal["bound", "open", "secret"], options: dict[str, Any]) -> Self: ...
    def request(
        self,
        method: str,
        url: Any,
        path: Any,
        params: Any,
        headers: Any,
        json: Any,
        schema: Any,
        data: Any,
        content: Any,
        files: Any,
        auth: Any,
        timeout: Any,
        max_response_bytes: int | None,
        check: Any,
        idempotency_key: str | bool | None,
        priority: str,
        weight: int,
        stream: bool,
    ) -> Response: ...
    def start(
        self,
        bridge: Bridge,
        method: str,
        url: Any,
        path: Any,
        params: Any,
        headers: Any,
        json: Any,
        schema: Any,
        data: Any,
        content: Any,
        files: Any,
        auth: Any,
        timeout: Any,
        max_response_bytes: int | None,
        check: Any,
        idempotency_key: str | bool | None,
        priority: str,
        weight: int,
        stream: bool,
    ) -> PendingCall: ...
    def route(self, text: str) -> tuple[str, Any, list[str]]: ...
    @property
    def asks_outside(self) -> bool: ...
    def secrets(self) -> list[Secret]: ...
    def stats(self) -> dict[str, Any]: ...
    def close(self) -> None: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def scope(self) -> str: ...

@final
class Bridge:
    def __new__(cls, home: weakref.ref[asyncio.AbstractEventLoop], readers: bool) -> Self: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def flush(self) -> None: ...

# Stands for asyncio.Future[None] below: it has the methods that asyncio asks of a future.
@final
class Promise:
    @property
    def _asyncio_future_blocking(self) -> bool: ...
    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, value: bool) -> None: ...
    def __await__(self) -> Generator[Self]: ...
    def __iter__(self) -> Generator[Self]: ...
    def __next__(self) -> Self: ...
    def get_loop(self) -> asyncio.AbstractEventLoop: ...
    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def result(self) -> None: ...
    def exception(self) -> None: ...
    def add_done_callback(
        self, callback: Callable[[Self], object], *, context: contextvars.Context | None = None
    ) -> None: ...
    def remove_done_callback(self, callback: Callable[[Self], object]) -> int: ...
    def cancel(self, msg: object = None) -> bool: ...

@final
class PendingCall:
    @property
    def future(self) -> asyncio.Future[None]: ...
    @property
    def body(self) -> Any: ...
    @property
    def asks(self) -> bool: ...
    def __await__(self) -> Generator[Any, None, Response]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Promise: ...
    def send(self, _value: object) -> Promise: ...
    def throw(
        self, kind: object, value: object | None = None, traceback: types.TracebackType | None = None
    ) -> Promise: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...
    def finish(self) -> Response: ...
    def room(self, bridge: Bridge) -> PendingRoom: ...
    @property
    def is_body_taken(self) -> bool: ...
    def end_body(self) -> None: ...
    def question(self, bridge: Bridge) -> PendingQuestion: ...

@final
class PendingRoom:
    @property
    def future(self) -> asyncio.Future[None]: ...
    def cancel(self) -> None: ...
    @property
    def is_free(self) -> bool: ...
    def put(self, chunk: Any) -> bool: ...
    def fail(self) -> None: ...

@final
class PendingQuestion:
    @property
    def future(self) -> asyncio.Future[None]: ...
    def cancel(self) -> None: ...
    def take(self) -> tuple[Any, Any] | None: ...
    def answer(self, signed: Any) -> None: ...

@final
class PendingChunk:
    @property
    def future(self) -> asyncio.Future[None]: ...
    def cancel(self) -> None: ...
    def take(self) -> bytes | None: ...

@disjoint_base
class Validator(Generic[_T]):
    def __call__(self, value: object, /) -> _T: ...
    def check(self, value: object, /) -> _T: ...
    def is_valid(self, value: object, /) -> bool: ...
    @property
    def expected(self) -> str: ...
    def json_schema(self) -> dict[str, Any]: ...
    def __class_getitem__(cls, _item: Any) -> Any: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: object) -> Self: ...
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any: ...
    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> Any: ...

@final
class Int(Validator[int]):
    def __new__(cls, lo: int | None = None, hi: int | None = None, *, text: bool = False) -> Self: ...

@final
class Float(Validator[float]):
    def __new__(cls, lo: float | None = None, hi: float | None = None) -> Self: ...

@final
class Str(Validator[str]):
    def __new__(cls, min: int = 0, max: int = 65536, *, unit: Literal["chars", "utf8", "utf16"] = "chars") -> Self: ...

@final
class Text(Validator[str]):
    def __new__(
        cls,
        min: int = 0,
        max: int = 65536,
        *,
        unit: Literal["chars", "utf8", "utf16"] = "chars",
        newlines: Literal["refuse", "keep", "normalize"] = "refuse",
        tabs: bool = False,
        allow_zwj: bool = False,
        normalize: bool = False,
    ) -> Self: ...

@final
class Slug(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class Pattern(Validator[str]):
    def __new__(cls, regex: str, *, max: int = 1024, expected: str | None = None) -> Self: ...

@final
class OneOf(Validator[_T]):
    def __new__(cls, *values: _T) -> Self: ...

@final
class Uuid(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class Snowflake(Validator[str | int]):
    def __new__(cls) -> Self: ...

@final
class TelegramChatId(Validator[str | int]):
    def __new__(cls, *, usernames: bool = False) -> Self: ...

@final
class SlackId(Validator[str]):
    def __new__(cls, kinds: str = "") -> Self: ...

@final
class Email(Validator[str]):
    def __new__(cls, *, require_tld: bool = True, idna: bool = True) -> Self: ...

@final
class E164(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class HttpsUrl(Validator[str]):
    def __new__(cls, *, idna: bool = False) -> Self: ...

@final
class Hostname(Validator[str]):
    def __new__(cls, *, require_tld: bool = False, idna: bool = False) -> Self: ...

@final
class IpAddress(Validator[str]):
    def __new__(cls, *, version: Literal[4, 6] | None = None, is_global: bool | None = None) -> Self: ...

@final
class Date(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class DateTime(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class HeaderName(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class HeaderValue(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class IdempotencyKey(Validator[str]):
    def __new__(cls) -> Self: ...

@final
class Record(Validator[dict[str, Any]]):
    def __new__(
        cls,
        fields: dict[str, Validator[Any]],
        *,
        optional: dict[str, Validator[Any]] | None = None,
        unknown: Literal["refuse", "drop"] = "refuse",
    ) -> Self: ...

def input_error(errors: Sequence[tuple[str | None, str]], /) -> InputError: ...

"""Never run: a type checker reads the public names as a user would write them."""

from array import array
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

from botsec import (
    AppRoleLogin,
    AsyncClient,
    Aws,
    AwsSigV4,
    Bearer,
    BotsecError,
    Client,
    HmacSigner,
    HttpSignature,
    InputError,
    OAuth2ClientCredentials,
    OAuth2Refresh,
    Response,
    Retry,
    Secret,
    Throttle,
    Timeout,
    Tls,
    Vault,
    errors,
    escape,
    network,
    render,
    secret,
    validate,
)
from pydantic import BaseModel, TypeAdapter

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator as Validator


class Model(BaseModel):
    id: int


def sync() -> str:
    key: Secret = secret("env:KEY", hosts=["api.example.com"])
    with Client(
        "https://api.example.com",
        auth=Bearer(key),
        allow=["GET /users/{id:int}"],
        rate=["5/s", "100/m"],
        retry=Retry(3, on_429="all"),
        throttle=Throttle("5/s", max_wait=10),
        timeout=Timeout(10, connect=2),
        tls=Tls(min_version="1.3"),
    ) as client:
        response: Response = client.get("/users/{id:int}", path={"id": 42}, params={"q": ["a", "b"]})
        status: int = response.status_code
        client.post("/x", content=array("B", b"x"), headers=[("X-Key", key), ("X-Key", "plain")])
        with client.stream("GET", "/x", check=lambda r: r.status_code == 200) as stream:
            for chunk in stream.iter_bytes():
                status += len(chunk)
        return escape.telegram(response.text, where="code")


async def other() -> int:
    async with AsyncClient("https://api.example.com", retry=1, timeout=5) as client:
        try:
            response = await client.post("/x", json={"a": secret("env:KEY")}, check=lambda r: r.json()["ok"])
        except BotsecError as error:
            text: str = error.code + str(error) + errors.user_text(error, platform="slack")
            text += render.telegram("<b>{name}</b>", name=text) + render.html("{x}", x=render.Safe("<br>", "html"))
            return len(text)
        async with client.stream("GET", "/x") as stream:
            async for event in stream.aiter_sse():
                print(event.data)
        return response.attempts


def signed(key: Secret) -> Client:
    return Client(
        "https://api.example.com",
        auth=[
            HmacSigner(key, content="{timestamp}.{body}", nonce_header=None, encoding="base64"),
            HttpSignature(key, algorithm="hmac-sha256", components=["@method"], expires=60),
            AwsSigV4(key, key, region="eu-central-1", service="execute-api", session_token=None),
        ],
    )


def served(key: str | None, peer: str, header: list[str], pepper: Secret) -> frozenset[str]:
    proxies = network.IpAllowlist(["10.0.0.0/8"])
    address: str = network.client_address(peer, header, trusted_proxies=proxies)
    bots = network.KeyPolicy.from_file("keys.json", pepper=pepper)
    caller: network.KeyEntry = bots.check(key, address, method="GET", path="/users/7")
    return (
        caller.scopes
        if address in proxies or proxies.allows(address)
        else frozenset({network.hash_key("k", pepper=pepper)})
    )


def managed(key: Secret) -> tuple[Secret, Client]:
    vault = Vault("https://vault.example.com", login=AppRoleLogin("role", secret_id=key), networks=["10.0.0.0/8"])
    oauth = OAuth2ClientCredentials("https://id.example.com/token", client_id="bot", client_secret=key, scope=["a"])
    refresh = OAuth2Refresh("https://id.example.com/token", client_id="bot", refresh_token=key, extra={"resource": "x"})
    token: Secret = refresh.refresh_token
    Client("https://api.example.com", auth=refresh)
    Vault.from_env(login=AppRoleLogin(token, secret_id=oauth.token))
    return secret("vault:kv/bot?field=key", provider=vault), Client("https://api.example.com", auth=oauth)


def managed_by_aws(key: Secret) -> Secret:
    aws = Aws(
        "eu-central-1", access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=key, session_token=None, tls=Tls()
    )
    secret("aws-sm:prod/bot?field=key", provider=Aws.from_env(region=None, networks="private"))
    return secret("aws-sm:prod/bot", provider=aws, ttl=60, max_stale=0)


class User(TypedDict):
    id: int


def judged(client: Client, adapter: TypeAdapter[list[int]], validator: "Validator") -> tuple[Model, list[int]]:
    response = client.post("/x", json={"id": 1}, schema=Model)
    client.post("/x", json={"id": 1}, schema=adapter)
    client.post("/x", json={"id": 1}, schema=validator)
    client.put("/x", json={"id": 1}, schema=lambda body: "id" in body)
    anything: User = response.json(schema=lambda body: "id" in body)
    response.json(schema=validator)["id"] = anything
    return response.json(schema=Model), response.json(schema=adapter)


class Part(NamedTuple):
    value: object
    expression: str
    conversion: Literal["a", "r", "s"] | None
    format_spec: str


class TString(NamedTuple):
    """As `string.templatelib.Template`, which older Pythons do not have."""

    strings: tuple[str, ...]
    interpolations: tuple[Part, ...]


async def addressed(client: AsyncClient, typed: str) -> Response:
    await client.get("/users/{id:int}{?limit:int(1..100)}", path={"id": 1, "limit": None})
    await client.get(TString(("/users/", ""), (Part(1, "user_id", None, "int"),)))
    # A stranger's URL is a str: a type checker that knows LiteralString takes it from open_web clients alone.
    return await AsyncClient.open_web().get(typed)


def any_client(client: Client) -> Client[str]:
    any_client(Client.open_web())
    return Client.open_web()


@validate.checked
async def handler(user: Annotated[str, validate.Snowflake()], days: Annotated[int, validate.Int(0, 7)] = 1) -> int:
    return days + len(user)


async def validated(untrusted: object) -> bool:
    number: int = validate.Int(1, 100, text=True)(untrusted)
    mail: str = validate.Email(require_tld=True, idna=False).check(untrusted)
    either: str = validate.OneOf("open", "closed")(untrusted)
    order: dict[str, Any] = validate.Record(
        {"id": validate.Uuid()}, optional={"note": validate.Text(1, 9, newlines="keep")}, unknown="drop"
    )(untrusted)
    try:
        validate.IpAddress(version=4, is_global=True)(untrusted)
    except InputError as error:
        place: str | None = error.path
        pairs: tuple[tuple[str | None, str], ...] = error.errors
        return bool(place or error.expected or pairs)
    return validate.Float(0, 1).is_valid(number + await handler(mail + either, days=len(order)))

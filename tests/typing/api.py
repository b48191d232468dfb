"""Never run: a type checker reads the public names as a user would write them."""

from array import array

from botsec import (
    AsyncClient,
    Aws,
    AwsSigV4,
    Bearer,
    BotsecError,
    Client,
    HmacSigner,
    HttpSignature,
    Response,
    Retry,
    Secret,
    Throttle,
    Timeout,
    Tls,
    escape,
    secret,
)


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
            text: str = error.code + str(error)
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


def managed(key: Secret) -> Secret:
    aws = Aws(
        "eu-central-1", access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=key, session_token=None, tls=Tls()
    )
    secret("aws-sm:prod/bot?field=key", provider=Aws.from_env(region=None, networks="private"))
    return secret("aws-sm:prod/bot", provider=aws, ttl=60, max_stale=0)

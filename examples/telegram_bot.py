"""A Telegram-style bot: the token lives in the path and in no log; answers are escaped for MarkdownV2."""

import botsec


def make_client(base_url: str = "https://api.telegram.org", **options: object) -> botsec.Client:
    """Build the client; `options` as for `botsec.Client`."""
    return botsec.Client(
        base_url,
        auth=botsec.PathToken(botsec.secret("env:TELEGRAM_BOT_TOKEN"), template="/bot{token}"),
        allow=["GET /getUpdates", "POST /sendMessage"],
        rate="25/s",
        **options,
    )


def answer(client: botsec.Client) -> int:
    """Greet whoever wrote; returns how many messages were answered."""
    updates = client.get("/getUpdates", params={"timeout": 1}, check=lambda r: r.json()["ok"]).json()["result"]
    for update in updates:
        name = update["message"]["from"]["first_name"]
        message = {
            "chat_id": update["message"]["chat"]["id"],
            "text": f"Hello *{botsec.escape.telegram(name)}*",
            "parse_mode": "MarkdownV2",
        }
        client.post("/sendMessage", json=message, check=lambda r: r.json()["ok"])
    return len(updates)


if __name__ == "__main__":
    with make_client() as bot:
        print(answer(bot))

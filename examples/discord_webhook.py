"""A Discord-style webhook sender: the URL is a secret as a whole; mentions stay silent."""

import asyncio

import botsec


async def announce(user_text: str, *, host: str = "discord.com", **options: object) -> int:
    """Post a stranger's text; returns the status. `options` as for `AsyncClient.from_secret_url`."""
    url = botsec.secret("env:DISCORD_WEBHOOK_URL")
    async with botsec.AsyncClient.from_secret_url(url, host=host, rate="5/2s", **options) as client:
        try:
            response = await client.post(
                "",
                params={"wait": True},
                json={"content": botsec.escape.discord(user_text), "allowed_mentions": {"parse": []}},
            )
        except botsec.BotsecError as error:
            print(error)  # Safe to show: generic, with an incident id.
            raise
        return response.status_code


if __name__ == "__main__":
    print(asyncio.run(announce("@everyone **hi**")))

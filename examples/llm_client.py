"""An LLM-style API client: a streamed answer by server-sent events, shown safely in a terminal."""

import json

import botsec


def ask(question: str, base_url: str = "https://api.example.com/v1", **options: object) -> str:
    """Ask and print the answer as it comes; returns the whole text. `options` as for `botsec.Client`."""
    with botsec.Client(
        base_url,
        auth=botsec.Bearer(botsec.secret("env:LLM_API_KEY")),
        allow=["POST /chat/completions"],
        timeout=botsec.Timeout(120, read=60),
        **options,
    ) as client:
        body = {"model": "small", "stream": True, "messages": [{"role": "user", "content": question}]}
        text = ""
        with client.stream("POST", "/chat/completions", json=body) as response:
            for event in response.iter_sse():
                if event.data == "[DONE]":
                    break
                piece = json.loads(event.data)["choices"][0]["delta"].get("content", "")
                print(botsec.escape.terminal(piece), end="", flush=True)
                text += piece
        print()
        return text


if __name__ == "__main__":
    ask("Why is the sky blue?")

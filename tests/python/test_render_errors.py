"""`errors.user_text`: what a stranger may read of an exception."""

import html

import botsec
import pytest
from botsec import errors
from botsec.errors import user_text

ESCAPES = {
    "plain": lambda text: text,
    "telegram": botsec.escape.telegram,
    "telegram_markdown": botsec.escape.telegram,
    "telegram_html": botsec.escape.telegram_html,
    "discord": botsec.escape.discord,
    "slack": botsec.escape.slack,
    "matrix": botsec.escape.matrix_html,
    "teams": botsec.escape.teams,
    "whatsapp": botsec.escape.whatsapp,
    "irc": botsec.escape.irc,
    "html": botsec.escape.html,
    "terminal": botsec.escape.terminal,
}
GENERIC = "An internal error occurred. Please try again later."


def _call_error():
    return botsec.ThrottledError(
        "The service is busy. Please try again later.",
        code="throttle.max_wait",
        incident_id="7K3F9QXA",
        retry_after=30.0,
        details={"host": "api.example.com"},
        hint="wait",
    )


@pytest.mark.parametrize("platform", ESCAPES)
def test_an_error_of_a_call_is_its_sentence_escaped(platform):
    text = "The service is busy. Please try again in 30 s. [incident 7K3F9QXA]"
    assert str(_call_error()) == text
    assert user_text(_call_error(), platform=platform) == ESCAPES[platform](text)


@pytest.mark.parametrize("platform", ESCAPES)
@pytest.mark.parametrize(
    "foreign",
    [
        KeyError("<b>secret</b>"),
        ValueError("x"),
        OSError(2, "no", "/etc/passwd"),
        KeyboardInterrupt("x"),
        SystemExit("x"),
    ],
)
def test_nothing_of_a_foreign_exception_is_shown(platform, foreign):
    foreign.__cause__ = _call_error()
    foreign.user_message = "secret"
    assert user_text(foreign, platform=platform) == ESCAPES[platform](GENERIC)


def test_an_error_at_start_up_keeps_its_name_to_itself(monkeypatch):
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(botsec.SecretNotFoundError) as caught:
        botsec.secret("env:NO_SUCH_TOKEN")
    assert "NO_SUCH_TOKEN" in str(caught.value)
    assert user_text(caught.value) == "This action is not available. Please contact the operator."


def test_an_input_error_says_what_is_expected():
    with pytest.raises(botsec.InputError) as caught:
        botsec.render.html('<a href="{site}">x</a>', site="javascript:alert(1)")
    assert user_text(caught.value) == "`site` must be a whole https or mailto link."
    assert (caught.value.path, caught.value.expected) == ("site", "a whole https or mailto link")


def test_codes_of_others_have_the_general_sentence():
    class Own(botsec.BotsecError):
        code = "own.code"

    assert user_text(Own("host db.internal is down")) == GENERIC
    assert user_text(botsec.BotsecError("x", code="usage.type")) == GENERIC
    assert user_text(Own("Sold out.", incident_id="A")) == "Sold out. [incident A]"


def test_what_is_shown_is_one_bounded_line():
    long = botsec.InputError("line\n\r\n\x0b one \u2028" + "x" * 100_000)
    shown = user_text(long)
    assert shown.startswith("line one xxx")
    assert len(shown) == 500
    for platform in ESCAPES:
        line = user_text(long, platform=platform)
        assert len(line.splitlines()) == 1
        assert len(line) < 1200
    assert html.unescape(user_text(botsec.InputError("<b>&"), platform="html")) == "<b>&"


def test_it_does_not_fail_where_an_error_is_odd():
    class Odd(botsec.BotsecError):
        def __init__(self):
            pass

    error = _call_error()
    for args in ((), (5, "x"), (KeyError("x"),)):
        error.args = args
        assert user_text(error) == GENERIC
    assert user_text(Odd()) == GENERIC
    odd = botsec.InputError("a\0b\x1b[2J\ud800\u202e\u200bc")
    for platform in ESCAPES:
        assert user_text(odd, platform=platform) == ESCAPES[platform]("ab[2Jc")


def test_wrong_use_is_an_error_of_python():
    for wrong in (None, "x", ValueError, object()):
        with pytest.raises(TypeError):
            user_text(wrong)
    for platform in ("", "Telegram", "msn", None):
        with pytest.raises(ValueError, match="platform"):
            user_text(ValueError(), platform=platform)
    assert "user_text" in errors.__all__

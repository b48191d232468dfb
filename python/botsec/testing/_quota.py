"""A quota that a scripted server keeps, told in any API's dialect."""

import math
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal

from botsec import _core

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass
class Quota:
    """So many requests per window; beyond it the server refuses in the API's own way.

    Args:
        rate: Such as `"10/s"` or `"100/m"`.
        dialect: How it tells: `"generic"` (`RateLimit` and `Retry-After`), or an API's name as for `botsec.Throttle`.
        counting: `"fixed"` windows begin with the first request, `"sliding"` ones end with each.
        tells: Whether good answers tell what is left, too.
    """

    rate: str
    dialect: str = "generic"
    counting: Literal["fixed", "sliding"] = "fixed"
    tells: bool = True
    refused: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        read = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,3})?([smhd])", self.rate)
        if read is None:
            raise ValueError('a rate is written as "50/s", "100/m" or "10/2s"')
        if self.dialect not in _TELL:
            raise ValueError(f"`dialect` is one of {', '.join(_TELL)}")
        self._limit, self._window = int(read[1]), int(read[2] or 1) * _UNITS[read[3]]
        self._seen: deque[float] = deque()
        self._begun: float | None = None
        self._lock = threading.Lock()

    def judge(self) -> "Verdict":
        """Count one request, by the core's clock."""
        with self._lock:
            now = _core.clock_wall()
            if self.counting == "fixed":
                if self._begun is None or now >= self._begun + self._window:
                    self._begun = now if self._begun is None else now - (now - self._begun) % self._window
                    self._seen.clear()
                reset = self._begun + self._window - now
            else:
                while self._seen and self._seen[0] <= now - self._window:
                    self._seen.popleft()
                reset = (self._seen[0] + self._window - now) if self._seen else float(self._window)
            good = len(self._seen) < self._limit
            if good:
                self._seen.append(now)
            else:
                self.refused += 1
            return Verdict(good, self._limit, self._limit - len(self._seen), reset, now)

    def headers(self, verdict: "Verdict") -> Mapping[str, str]:
        """What a good answer tells."""
        return _TELL[self.dialect](verdict)[1] if self.tells else {}

    def refusal(self, verdict: "Verdict") -> tuple[int, Mapping[str, str], Any]:
        """Status, header fields and JSON of a refusal."""
        return _TELL[self.dialect](verdict)


@dataclass(frozen=True)
class Verdict:
    """How one request was judged."""

    good: bool
    limit: int
    remaining: int
    reset_s: float
    now: float

    @property
    def wait(self) -> int:
        """Whole seconds until the window ends, rounded up."""
        return math.ceil(self.reset_s)

    @property
    def epoch(self) -> int:
        """When the window ends, in seconds since 1970, rounded up."""
        return math.ceil(self.now + self.reset_s)


_Told = tuple[int, dict[str, str], Any]


def _waits(verdict: Verdict, headers: dict[str, str], wait: str | None = None) -> dict[str, str]:
    """Add `Retry-After` to what a refusal tells."""
    return headers if verdict.good else {**headers, "Retry-After": wait or str(verdict.wait)}


def _x(verdict: Verdict, reset: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(verdict.limit),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": reset,
    }


def _generic(v: Verdict) -> _Told:
    headers = {
        "RateLimit": f'"default";r={v.remaining};t={v.wait}',
        "RateLimit-Policy": f'"default";q={v.limit}',
    }
    return 429, _waits(v, headers), {"error": "too many requests"}


def _discord(v: Verdict) -> _Told:
    after = math.ceil(v.reset_s * 1000) / 1000
    told = {"X-RateLimit-Reset-After": f"{after:.3f}", "X-RateLimit-Bucket": "b0"}
    headers = {**_x(v, f"{v.now + after:.3f}"), **told}
    return 429, _waits(v, headers), {"message": "slow down", "retry_after": after, "global": False}


def _github(v: Verdict) -> _Told:
    return 403, {**_x(v, str(v.epoch)), "X-RateLimit-Resource": "core"}, {"message": "API rate limit exceeded"}


def _telegram(v: Verdict) -> _Told:
    body = {"ok": False, "error_code": 429, "parameters": {"retry_after": v.wait}}
    return 429, {}, body


def _slack(v: Verdict) -> _Told:
    return 429, _waits(v, {}), {"ok": False, "error": "ratelimited"}


def _openai(v: Verdict) -> _Told:
    headers = {
        "x-ratelimit-limit-requests": str(v.limit),
        "x-ratelimit-remaining-requests": str(v.remaining),
        "x-ratelimit-reset-requests": f"{math.ceil(v.reset_s * 1000)}ms",
    }
    return 429, headers, {"error": {"code": "rate_limit_exceeded"}}


def _anthropic(v: Verdict) -> _Told:
    from datetime import UTC, datetime

    reset = datetime.fromtimestamp(v.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = "anthropic-ratelimit-requests"
    headers = {f"{name}-limit": str(v.limit), f"{name}-remaining": str(v.remaining), f"{name}-reset": reset}
    return 429, _waits(v, headers), {"type": "error", "error": {"type": "rate_limit_error"}}


def _shopify(v: Verdict) -> _Told:
    headers = {"X-Shopify-Shop-Api-Call-Limit": f"{v.limit - v.remaining}/{v.limit}"}
    return 429, _waits(v, headers, f"{v.reset_s:.1f}"), {"errors": "Exceeded 2 calls per second"}


def _stripe(v: Verdict) -> _Told:
    return 429, {}, {"error": {"code": "rate_limit"}}


def _notion(v: Verdict) -> _Told:
    return 429, _waits(v, {}), {"code": "rate_limited"}


def _reddit(v: Verdict) -> _Told:
    headers = {
        "X-Ratelimit-Used": str(v.limit - v.remaining),
        "X-Ratelimit-Remaining": f"{v.remaining}.0",
        "X-Ratelimit-Reset": str(v.wait),
    }
    return 429, headers, {"message": "Too Many Requests"}


def _x_api(v: Verdict) -> _Told:
    headers = {
        "x-rate-limit-limit": str(v.limit),
        "x-rate-limit-remaining": str(v.remaining),
        "x-rate-limit-reset": str(v.epoch),
    }
    return 429, headers, {"title": "Too Many Requests", "status": 429}


def _mastodon(v: Verdict) -> _Told:
    from datetime import UTC, datetime

    reset = datetime.fromtimestamp(v.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return 429, _x(v, reset), {"error": "Too many requests"}


def _matrix(v: Verdict) -> _Told:
    return 429, {}, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": math.ceil(v.reset_s * 1000)}


def _buildkite(v: Verdict) -> _Told:
    headers = {
        "RateLimit-Limit": str(v.limit),
        "RateLimit-Remaining": str(v.remaining),
        "RateLimit-Reset": str(v.wait),
        "RateLimit-Scope": "rest",
    }
    return 429, headers, {"message": "You have exceeded your API rate limit"}


def _lemlist(v: Verdict) -> _Told:
    from datetime import UTC, datetime

    reset = datetime.fromtimestamp(v.epoch, UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
    return 429, _waits(v, _x(v, reset)), "Too many requests"


def _aws(v: Verdict) -> _Told:
    if v.good:
        return 400, {}, {}
    headers = {"x-amz-retry-after": str(math.ceil(v.reset_s * 1000)), "x-amzn-errortype": "ThrottlingException"}
    return 400, headers, {"__type": "ThrottlingException", "message": "Rate exceeded"}


def _twitch(v: Verdict) -> _Told:
    headers = {
        "Ratelimit-Limit": str(v.limit),
        "Ratelimit-Remaining": str(v.remaining),
        "Ratelimit-Reset": str(v.epoch),
    }
    return 429, headers, {"error": "Too Many Requests"}


_TELL: dict[str, Callable[[Verdict], _Told]] = {
    "generic": _generic,
    "anthropic": _anthropic,
    "aws": _aws,
    "buildkite": _buildkite,
    "discord": _discord,
    "github": _github,
    "lemlist": _lemlist,
    "mastodon": _mastodon,
    "matrix": _matrix,
    "notion": _notion,
    "openai": _openai,
    "reddit": _reddit,
    "shopify": _shopify,
    "slack": _slack,
    "stripe": _stripe,
    "telegram": _telegram,
    "twitch": _twitch,
    "x": _x_api,
}


def http_date() -> str:
    """The core's wall clock as a `Date` field."""
    return formatdate(_core.clock_wall(), usegmt=True)

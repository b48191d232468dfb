"""Everything that an error and the log say, so that a test can look for what must not be there."""

from __future__ import annotations

import traceback

import pytest


def everything(error: BaseException, caplog: pytest.LogCaptureFixture | None = None) -> str:
    parts = [str(error), repr(error), "".join(traceback.format_exception(error))]
    parts += [repr(getattr(error, "__notes__", [])), repr(getattr(error, "details", {})), repr(vars(error))]
    if caplog is not None:
        # The vendors' own libraries log what they like.
        ours = [record for record in caplog.records if record.name.startswith("botsec")]
        parts += [record.getMessage() + repr(vars(record)) for record in ours]
    return "\n".join(parts)

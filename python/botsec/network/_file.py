"""The text of a key policy: read with its file's mode judged, decoded with nothing said about its content."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from botsec import _core

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from botsec.errors import BotsecError

#: Largest file: 10,000 entries of 100 bytes.
_MOST_BYTES = 1024 * 1024


class Wrong(Exception):
    """Why a policy is refused. Never leaves this package: what it was found in may hold keys."""


def read(path: str | os.PathLike[str]) -> tuple[bytes, bool]:
    """Read a policy file; tells also whether everybody may read it.

    Raises:
        SecretNotFoundError: It does not exist.
        SecretAccessError: It cannot be read, is no regular file, is larger than 1 MiB, or everybody may write to it.
    """
    try:
        with open(path, "rb", opener=_opened) as file:
            mode = _judged_mode(path, os.fstat(file.fileno()))
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        said = f"The key policy file `{shown(path)}` does not exist."
        raise _core.make_error("secret.not_found", said=said, hint="mount it there, or correct the path") from None
    except OSError as error:
        why = "permission denied" if isinstance(error, PermissionError) else error.strerror or "it cannot be read"
        raise refused(path, why) from None
    if len(data) > _MOST_BYTES:
        # A traceback with locals must not show it.
        del data
        raise refused(path, "it is larger than 1 MiB")
    return data, bool(mode & stat.S_IROTH)


def _opened(path: str, flags: int) -> int:
    # A pipe would make opening wait. A symbolic link is followed: it is how Kubernetes mounts files.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _judged_mode(path: str | os.PathLike[str], about: os.stat_result) -> int:
    if not stat.S_ISREG(about.st_mode):
        raise refused(path, "it is not a regular file")
    # Windows makes these bits up.
    mode = about.st_mode if os.name == "posix" else 0
    if mode & stat.S_IWOTH:
        raise refused(path, "everybody may write to it", "chmod o-w the file")
    return mode


def refused(path: str | os.PathLike[str], why: str, hint: str | None = None) -> BotsecError:
    """The error for a file that is not used."""
    said = f"The key policy file `{shown(path)}` cannot be used: {why}."
    return _core.make_error("secret.access", said=said, hint=hint)


def shown(path: str | os.PathLike[str]) -> str:
    """A path that can be printed."""
    return _core.escape_log(os.fspath(path))


def decode(data: bytes) -> Any:
    """The JSON value of a file. A name that stands twice in an object is refused: parsers differ in which one counts.

    Raises:
        Wrong: Not UTF-8, or not such JSON.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Wrong(f"it is not JSON, at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise Wrong("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Wrong("it holds JSON that no policy has") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Wrong("a field stands twice in one object")
    return made


def _constant(_: str) -> NoReturn:
    raise Wrong("it holds JSON that no policy has")

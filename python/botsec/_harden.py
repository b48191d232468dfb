"""Keeps this process's memory from whoever has no business in it."""

from __future__ import annotations

from botsec import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

__all__ = ["Hardening", "harden_process"]


class Hardening(tuple[bool, bool, "tuple[str, ...]"]):
    """What `harden_process` achieved; a named tuple whose import costs nothing."""

    __slots__ = ()

    def __new__(cls, no_core_dumps: bool, not_dumpable: bool, lacks: tuple[str, ...]) -> Self:
        return super().__new__(cls, (no_core_dumps, not_dumpable, lacks))

    def __getnewargs__(self) -> tuple[bool, bool, tuple[str, ...]]:
        return self[0], self[1], self[2]

    def __repr__(self) -> str:
        return f"Hardening(no_core_dumps={self[0]}, not_dumpable={self[1]}, lacks={self[2]!r})"

    @property
    def no_core_dumps(self) -> bool:
        """No crash writes this process's memory, or that of programs it starts, into a core file."""
        return self[0]

    @property
    def not_dumpable(self) -> bool:
        """No debugger and no process of the same user reads this process's memory; Linux alone can do that."""
        return self[1]

    @property
    def lacks(self) -> tuple[str, ...]:
        """What the platform does not have or did not allow, in words."""
        return self[2]


def harden_process() -> Hardening:
    """Forbid core dumps of this process and debuggers of the same user, for as long as it lives.

    Call it before secrets are loaded. It cannot be taken back. Profilers and debuggers that attach (`py-spy`, `gdb`) no
    longer can; on Linux `/proc/PID` of the process belongs to root then. Forks inherit all of it, and programs that it
    starts the limit on core files alone. Where a platform lacks a part nothing is raised: the result says so.

    Returns:
        What was achieved and what is missing. Limits: root reads everything; `Secret.protection` tells of swap.

    Example:
        >>> import botsec
        >>> if botsec.harden_process().lacks:
        ...     print("harden the host instead: no core dumps, one user per bot")
    """
    lacks = []
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limited = True
    except ImportError:
        limited = False
        lacks.append("this platform has no limit on core files")
    except (OSError, ValueError):
        limited = False
        lacks.append("the limit on core files was not allowed")
    forbidden = _core.forbid_dumps()
    if not forbidden:
        what = "was not allowed" if forbidden is False else "is known to Linux alone"
        lacks.append(f"the switch against dumps and debuggers {what}")
    return Hardening(limited, bool(forbidden), tuple(lacks))

"""The peak of this process's memory from a moment on, so that an earlier test's peak hides nothing."""

from __future__ import annotations

import resource


class Peak:
    """Counts from its making on; `growth_mib` is the highest point since, above what was in use then."""

    def __init__(self) -> None:
        try:
            # Sets the high-water mark back to what is in use (proc(5), clear_refs).
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass
        self._begun = _peak_kib()

    @property
    def growth_mib(self) -> float:
        return (_peak_kib() - self._begun) / 1024


def _peak_kib() -> int:
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

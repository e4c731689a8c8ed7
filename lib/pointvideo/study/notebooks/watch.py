"""A kernel and all that it started die with the run, however the run ends."""

import os
import signal
import subprocess
import sys
import threading
from types import TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that end a run
# Reads process groups until the pipe closes, which is when its writer is gone; then kills them.
WATCHER = """
import os, signal, sys
for group in [int(line) for line in sys.stdin]:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class KernelWatch:
    """Kills process groups: when the `with` block ends, on SIGINT, SIGTERM or SIGHUP, and when this process is killed.

    The last is done by a small watcher process, which notices that the pipe from here has closed.
    """

    def __enter__(self) -> "KernelWatch":
        self.groups: list[int] = []
        self.watcher = subprocess.Popen(
            [sys.executable, "-S", "-c", WATCHER], stdin=subprocess.PIPE, start_new_session=True, text=True
        )
        is_main = threading.current_thread() is threading.main_thread()
        catches = SIGNALS if is_main else ()
        self.handlers = {number: signal.signal(number, self._stop) for number in catches}
        return self

    def add(self, group: int) -> None:
        """Watch a process group."""
        self.groups.append(group)
        self.watcher.stdin.write(f"{group}\n")
        self.watcher.stdin.flush()

    def kill(self) -> None:
        """Kill everything watched, now."""
        while self.groups:
            try:
                os.killpg(self.groups.pop(), signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _stop(self, number: int, _frame: object) -> None:
        self.kill()
        raise SystemExit(128 + number)

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.kill()
        self.watcher.kill()
        self.watcher.stdin.close()
        self.watcher.wait()

"""What a start tells the person who waits for it; the command line decides how that looks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Display(Protocol):
    """Where the steps of a start are shown."""

    def say(self, line: str) -> None:
        """Show what happens now, or what has happened."""
        ...

    def download(self, total_bytes: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a download while the context lasts; what it gives is called with each number of bytes that arrived."""
        ...

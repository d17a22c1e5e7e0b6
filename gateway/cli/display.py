"""How the steps of a start look: a spinner and a progress bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Self

import click

from gateway.local.display import Display

_MB = 1_000_000


class Lines:
    """Plain lines, for logs and pipes."""

    def say(self, line: str) -> None:
        """Print a line."""
        click.echo(line, err=True)

    @contextmanager
    def download(self, total_bytes: int) -> Generator[Callable[[int], None]]:
        """Print a line for each quarter that has arrived."""
        arrived_bytes = 0
        shown = 0
        self.say(f"Downloading Kafka, {total_bytes // _MB} MB (once) ...")

        def advance(more_bytes: int) -> None:
            nonlocal arrived_bytes, shown
            arrived_bytes += more_bytes
            quarters = arrived_bytes * 4 // total_bytes
            if quarters > shown:
                shown = quarters
                self.say(f"Downloading Kafka: {arrived_bytes // _MB} of {total_bytes // _MB} MB")

        yield advance


class Terminal:
    """A spinner with the step that is under way; a line that matters later stays above it."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status = self._console.status("Starting ...")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def say(self, line: str) -> None:
        """Show a step; what is no step (it does not end in "...") stays."""
        from rich.text import Text

        if line.endswith("..."):
            self._status.update(Text(line))
        else:
            self._console.print(line, highlight=False, markup=False)

    @contextmanager
    def download(self, total_bytes: int) -> Generator[Callable[[int], None]]:
        """Show a progress bar in the spinner's place."""
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("Downloading Kafka (once)"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._status.stop()
        try:
            with Progress(*columns, console=self._console, transient=True) as progress:
                task = progress.add_task("", total=total_bytes)
                yield lambda more_bytes: progress.advance(task, more_bytes)
        finally:
            self._status.start()


@contextmanager
def open_display() -> Generator[Display]:
    """Answer what suits standard error."""
    if sys.stderr.isatty():
        with Terminal() as terminal:
            yield terminal
    else:
        yield Lines()

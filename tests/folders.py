"""Folders for the data of servers that tests start."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def data_folder() -> Generator[Path]:
    """Make a folder that goes with the block.

    Not one of pytest's: a run of pytest that begins meanwhile closes all of those to other users, and where the tests
    are run by root, PostgreSQL is one.
    """
    with tempfile.TemporaryDirectory(prefix="axonpush-test-") as folder:
        yield Path(folder)

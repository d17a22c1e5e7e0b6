"""The command line as a user runs it: a process of its own, its output and its exit code."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.integration.control.api import Item

AXONPUSH = Path(sys.executable).with_name("axonpush")


class Ran(Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli(Struct, frozen=True):
    """Runs commands in a folder of their own, with some settings."""

    url: str
    key: str
    cwd: Path

    async def run(self, *arguments: str) -> Ran:
        """Run a command and wait for its end."""
        given = {"AXONPUSH_CONTROL_URL": self.url, "AXONPUSH_CONTROL_MANAGEMENT_KEY": self.key}
        process = await asyncio.create_subprocess_exec(
            AXONPUSH,
            *arguments,
            cwd=self.cwd,
            env={"PATH": os.environ["PATH"], **{name: value for name, value in given.items() if value}},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def json(self, *arguments: str) -> Item:
        """Run a command that succeeds, and read its JSON."""
        ran = await self.run(*arguments, "--json")
        assert (ran.code, ran.err) == (0, "")
        return msgspec.json.decode(ran.out)

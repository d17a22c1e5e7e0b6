"""Keeps a process's account: tells that it lives and what it has applied, flushes usage, reads the month's totals."""

import asyncio
import contextlib
import logging

from gateway.edge.accounting.account import Account
from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.lives import Lives
from gateway.edge.accounting.usage import Used
from gateway.identity.directory import Directory
from schemas.errors import StoreTransient

_log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 2.0
_TIDY_SECONDS = 3600.0
_LAST_FLUSH_TIMEOUT_SECONDS = 3.0


class Reporter:
    """Writes every two seconds; at once what it has applied, and that a life goes on which would soon be over.

    While PostgreSQL is away usage waits in memory, and limits go on with what is known. With a process that is killed
    the usage of its last two seconds is lost, and so is all that waits if PostgreSQL is still away when it stops.
    """

    def __init__(self, ledger: Ledger, directory: Directory, account: Account, lives: Lives) -> None:
        self._ledger = ledger
        self._directory = directory
        self._usage = account.usage
        self._limits = account.limits
        self._rejections = account.rejections
        self._lives = lives
        self._has_news = asyncio.Event()
        self._is_urgent = False
        self._processes_count = 1
        self._sequence = 0
        # What a flush has that is under way or was not answered.
        self._flushing: list[Used] = []
        self._tidy_at_seconds = 0.0
        directory.on_change(self._applied)
        account.usage.on_first(self._accepted)

    async def report(self) -> None:
        """Report everything once; before the first request, so that its limits are known."""
        try:
            self._processes_count = await self._ledger.beat(self._directory.snapshot())
            await self._flush()
            await self._extend()
            self._limits.reconcile(self._processes_count, await self._ledger.used_this_month())
            await self._tidy()
        except StoreTransient as error:
            _log.warning("%s Usage waits in memory.", error.message)

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_at_seconds = loop.time() + _INTERVAL_SECONDS
            with contextlib.suppress(TimeoutError):
                while not self._is_urgent:
                    async with asyncio.timeout_at(due_at_seconds):
                        await self._has_news.wait()
                    self._has_news.clear()
                    if not self._is_urgent:
                        await self._tell()
            self._is_urgent = False
            await self.report()

    async def close(self) -> None:
        """Flush for the last time, and say that this process is gone."""
        try:
            async with asyncio.timeout(_LAST_FLUSH_TIMEOUT_SECONDS):
                await self._flush()
                await self._flush()
                await self._extend()
                await self._ledger.leave()
        except (StoreTransient, TimeoutError):
            _log.warning("PostgreSQL is away: what was used since the last flush is not counted.")

    def _applied(self) -> None:
        self._limits.forget()
        self._has_news.set()

    def _accepted(self, environment_id: str, accepted_ns: int) -> None:
        if self._lives.is_urgent(environment_id, accepted_ns):
            self._is_urgent = True
            self._has_news.set()

    async def _tell(self) -> None:
        with contextlib.suppress(StoreTransient):  # told again within two seconds, and complained of then
            self._processes_count = await self._ledger.beat(self._directory.snapshot())

    async def _flush(self) -> None:
        """Flush what an earlier flush did not bring home, else what was used since."""
        if not self._flushing:
            self._flushing = self._usage.drain()
            self._limits.begin_flush(self._flushing)
            self._lives.note(self._flushing)
            self._sequence += 1
        if self._flushing:
            await self._ledger.flush(self._sequence, self._flushing)
            self._flushing = []
        if rejections := self._rejections.drain():
            try:
                await self._ledger.add_rejections(rejections)
            except StoreTransient:
                self._rejections.restore(rejections)
                raise

    async def _extend(self) -> None:
        due = self._lives.due()
        if due and await self._ledger.extend(due, self._lives.step_percent):
            self._directory.read_anew()
        self._lives.forget()

    async def _tidy(self) -> None:
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds >= self._tidy_at_seconds:
            self._tidy_at_seconds = now_seconds + _TIDY_SECONDS
            await self._ledger.tidy()

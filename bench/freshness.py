"""`python -m bench.freshness`: how long some process of an edge still answers as before a key or environment changed.

It measures what `tests/acceptance/test_freshness.py` demands, several times: at most 1 s, and at most 10 s where
PostgreSQL's notifications are cut.
"""

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from tests.acceptance.connecting import one_to_each
from tests.acceptance.freshness import CHANGES, latencies, notifications_cut
from tests.acceptance.stack import Stack, start

_START_MAX_SECONDS = 300


class Row(Struct, frozen=True):
    """Seconds until the slowest process had seen a change, one number for each round."""

    change: str
    with_notifications: list[float]
    notifications_cut: list[float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.freshness", description=__doc__)
    parser.add_argument("--processes", type=int, default=4, help="processes of the edge (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each change is made (default: 5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="axonpush-bench-") as folder:
        stack = start(Path(folder), timeout_seconds=_START_MAX_SECONDS)
        try:
            rows = _measure(stack, options.processes, options.rounds)
        finally:
            stack.database.close()
            stack.process.stop()
    print(msgspec.json.format(msgspec.json.encode(rows)).decode() if options.json else _table(rows, options.processes))


def _measure(stack: Stack, processes: int, rounds: int) -> list[Row]:
    rows = {name: Row(name, [], []) for name in CHANGES}
    edge, url = stack.join_edge("--processes", str(processes))
    try:
        for number in range(1, rounds + 1):
            print(f"{number}/{rounds} ...", file=sys.stderr, flush=True)
            with one_to_each(edge.popen.pid, url, processes) as connections:
                for name, seconds in latencies(connections, stack.control.app()).items():
                    rows[name].with_notifications.append(seconds)
                with notifications_cut(stack.database):
                    for name, seconds in latencies(connections, stack.control.app()).items():
                        rows[name].notifications_cut.append(seconds)
    finally:
        edge.stop()
    return list(rows.values())


def _table(rows: list[Row], processes: int) -> str:
    table = Table("seconds until all have seen it", box=None, pad_edge=False, header_style="")
    for heading in ("median", "most", "notifications cut: median", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        cells = (f"{figure(of):.3f}" for of in (row.with_notifications, row.notifications_cut) for figure in _FIGURES)
        table.add_row(row.change, *cells)
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(table)
    return f"{console.export_text()}\n{processes} edge processes, {len(rows[0].with_notifications)} rounds."


_FIGURES = (statistics.median, max)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

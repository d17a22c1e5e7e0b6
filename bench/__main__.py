"""`make bench`, `python -m bench`: starts a gateway of its own, loads it, prints what a CPU-second of it does."""

import argparse
import asyncio
import contextlib
import os
import platform
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.measure import measure_edge, measure_store
from bench.payloads import CASES, case_of
from bench.processes import BenchError, gateway, resident_mib
from bench.report import Report, Row, table_of


def main() -> int:
    """Run the benchmark; answer 1 when it or a request failed."""
    options = _options()
    try:
        report = asyncio.run(_run(options.cases, options.seconds))
    except BenchError as error:
        _say(f"bench: {error}")
        return 1
    print(msgspec.json.format(msgspec.json.encode(report)).decode() if options.json else table_of(report))
    for failure in report.failures:
        _say(failure)
    return 1 if report.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="how long each case loads the edge (default: 4)")
    parser.add_argument(
        "--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE", help="of: %(choices)s"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    return parser.parse_args()


async def _run(names: list[str], seconds: float) -> Report:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="axonpush-bench-") as folder:
        _say("starting a gateway ...")
        async with gateway(Path(folder)) as running:
            for number, name in enumerate(names, start=1):
                case = case_of(name)
                _say(f"{number}/{len(names)} {name}: edge ...")
                edge = await measure_edge(running, case, seconds)
                store = None
                if case.stored_requests:
                    _say(f"{number}/{len(names)} {name}: worker ...")
                    store = await measure_store(running, case)
                rows.append(Row(name, len(case.body), edge, store))
            report = Report(
                python=platform.python_version(),
                cpu_count=os.cpu_count() or 1,
                seconds_per_case=seconds,
                edge_resident_mib=resident_mib(running.edge),
                worker_resident_mib=resident_mib(running.worker),
                rows=rows,
            )
            _say("stopping ...")
    return report


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())

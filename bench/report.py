"""The report: one table for people, or the same figures as JSON."""

import io

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.measure import EdgeFigures, StoreFigures


class Row(Struct, frozen=True):
    """The figures of one case."""

    case: str
    body_bytes: int
    edge: EdgeFigures
    store: StoreFigures | None


class Report(Struct, frozen=True):
    """The figures of one run, on one machine; only ratios within one run compare with those of another."""

    python: str
    cpu_count: int
    seconds_per_case: float
    edge_resident_mib: float
    worker_resident_mib: float
    rows: list[Row]

    @property
    def failures(self) -> list[str]:
        """Name each case in which a request was not answered 2xx."""
        return [
            f"{row.case}: {row.edge.failed} requests were not answered 2xx. The first answer was:\n"
            f"{row.edge.first_failure}"
            for row in self.rows
            if row.edge.failed
        ]


_HEADINGS = (
    ("body\nbytes", "{0.body_bytes:,}"),
    ("edge: items\n/ CPU-s", "{0.edge.items_per_cpu_second:,.0f}"),
    ("of a bare\nserver", "{of_floor:.1%}"),
    ("p50\nms", "{0.edge.p50_ms:.1f}"),
    ("p99\nms", "{0.edge.p99_ms:.1f}"),
)
_STORE_HEADINGS = (
    ("worker: rows\n/ CPU-s", "{0.store.rows_per_cpu_second_worker:,.0f}"),
    ("+ PostgreSQL:\nrows / CPU-s", "{0.store.rows_per_cpu_second:,.0f}"),
    ("of a bare\nCOPY", "{of_copy:.1%}"),
)


def table_of(report: Report) -> str:
    """Write the report as a table."""
    table = Table("case", box=None, pad_edge=False, header_style="")
    for heading, _ in _HEADINGS + _STORE_HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(row.case, *_cells(row))
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(table)
    return console.export_text() + (
        f"\nPython {report.python}, {report.cpu_count} CPUs, {report.seconds_per_case:g} s a case; resident: edge"
        f" {report.edge_resident_mib:.0f} MiB, worker {report.worker_resident_mib:.0f} MiB.\n"
        "An item counts for the edge once Kafka acknowledged it, a row once PostgreSQL committed it. Percentages\n"
        "compare with what the same run measured: a server that only reads the body, and a COPY of the same rows.\n"
    )


def _cells(row: Row) -> list[str]:
    of_floor = row.edge.items_per_cpu_second / row.edge.floor_items_per_cpu_second
    cells = [pattern.format(row, of_floor=of_floor) for _, pattern in _HEADINGS]
    if row.store is None:
        return cells + [""] * len(_STORE_HEADINGS)
    of_copy = row.store.rows_per_cpu_second / row.store.copy_rows_per_cpu_second
    return cells + [pattern.format(row, of_copy=of_copy) for _, pattern in _STORE_HEADINGS]

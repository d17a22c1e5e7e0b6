"""What people read: a line for each field, and for each object of a list."""

import pytest

from gateway.cli.printing import print_item


def test_objects_in_a_field_stand_on_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    processes = [{"host": "a", "pid": 1}, {"host": "b", "pid": 2}]
    print_item({"id": "K", "acknowledgedBy": processes, "pending": [], "scopes": ["logs", "traces"]}, as_json=False)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.strip()][2:]
    start = rows[0].index("K")
    assert [row[start:].strip() for row in rows] == ["K", "host a, pid 1", "host b, pid 2", "-", "logs, traces"]

"""`python -m tests.conformance` prints docs/compatibility.md."""

import sys

from tests.conformance.table import render

sys.stdout.write(render())

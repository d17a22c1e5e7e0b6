"""`make fuzz`: the property tests of all decoders, file by file and again from the first, until the time is over.

Every run draws other examples, and more of them (`tests/examples.py`). One that fails is kept in `.hypothesis` and
tried first by every later run.
"""

import argparse
import itertools
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent / "property"
OPTIONS = ("-x", "--timeout=0", "--hypothesis-profile=fuzz", "--hypothesis-show-statistics")
# A file that is cut off by the end of the time has been tried only in part.
_LEAST_SECONDS = 1.0
_EXAMPLES = re.compile(r"(\d+) passing, ")


def main() -> int:
    """Run the tests for so long, and say in a sentence what was tried; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("names", nargs="*", help="only files whose names have one of these in them")
    asked = parser.parse_args()
    found = sorted(FOLDER.glob("test_*.py"))
    files = [file for file in found if not asked.names or any(name in file.name for name in asked.names)]
    ends_at = time.monotonic() + asked.seconds
    examples = 0
    runs = 0
    for file in itertools.cycle(files):
        left = ends_at - time.monotonic()
        if left < _LEAST_SECONDS:
            break
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *OPTIONS, str(file)],
                capture_output=True,
                text=True,
                timeout=left,
                check=False,
            )
        except subprocess.TimeoutExpired:
            break
        if done.returncode != 0:
            sys.stdout.write(f"{done.stdout}{done.stderr}\n{file.name} fails; its example is kept and tried first.\n")
            return 1
        runs += 1
        examples += sum(int(count) for count in _EXAMPLES.findall(done.stdout))
    tried = f"{runs} runs of {min(runs, len(files))} of {len(files)} files"
    sys.stdout.write(f"{examples} examples in {tried}, in {asked.seconds} s: none failed.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

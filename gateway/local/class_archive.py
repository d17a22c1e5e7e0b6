"""A class archive for Kafka's Java: made once in the background, it halves the time of each later start."""

import fcntl
import hashlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.local.child import Child

# Moved into its place only when it is complete.
_SCRIPT = 'new=$1; archive=$2; shift 2; nice -n 19 "$@" && mv "$new" "$archive"'


class ClassArchive:
    """The archive (class data sharing) of one Java, one class path and one set of options.

    Without it Java reads, checks and links some ten thousand classes from the jars at each start.
    """

    def __init__(self, folder: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Name the archive; what it was made for is part of the name.

        Args:
            folder: where archives are kept.
            command: Java and its options.
            env: the environment with CLASSPATH.
        """
        java = Path(command[0]).stat()
        made_for = f"{command} {java.st_size} {java.st_mtime_ns} {env['CLASSPATH']}"
        self._folder = folder
        self._command = command
        self._env = env
        self._path = folder / f"kafka-{hashlib.sha256(made_for.encode()).hexdigest()[:16]}.jsa"

    def options(self, class_list: Path) -> list[str]:
        """Answer the options for a start: use the archive, or else note which classes it should have.

        An archive that does not fit is passed over by Java itself.
        """
        if self._path.exists():
            return [f"-XX:SharedArchiveFile={self._path}"]
        return [f"-XX:DumpLoadedClassList={class_list}"]

    async def make(self, class_list: Path, log: Path) -> Child | None:
        """Start making the archive, at the lowest priority; None if it exists, or another process makes it."""
        if self._path.exists():
            return None
        lock = os.open(self._folder / "class-archive.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        else:
            new = self._path.with_suffix(".new")
            dump = ["-Xshare:dump", f"-XX:SharedClassListFile={_whole(class_list)}", f"-XX:SharedArchiveFile={new}"]
            return await Child.start(
                "Kafka's class archive",
                ["sh", "-c", _SCRIPT, "sh", str(new), str(self._path), *self._command, *dump],
                log=log,
                stop_signal=signal.SIGKILL,  # nothing is lost: the next run makes it
                env=self._env,
                pass_fds=(lock,),
            )
        finally:
            os.close(lock)  # the child holds it now


def _whole(class_list: Path) -> Path:
    """Answer a copy of the list without its last line, the rest of which Java may still hold in its buffer."""
    copy = class_list.with_suffix(".whole")
    copy.write_bytes(class_list.read_bytes().rpartition(b"\n")[0] + b"\n")
    return copy

"""How a child says that it is ready: it writes to a pipe whose number it is told by `--notify-fd`."""

import os


class Readiness:
    """The parent's side of the pipe; `their_end` is for the child to inherit."""

    def __init__(self) -> None:
        self._reader, self.their_end = os.pipe()
        os.set_blocking(self._reader, False)

    def __call__(self) -> bool:
        """Answer whether the child has written."""
        try:
            return bool(os.read(self._reader, 1))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close both ends."""
        os.close(self._reader)
        os.close(self.their_end)


def notify(descriptor: int | None) -> None:
    """Tell the parent, if it asked to be told, that this process is ready."""
    if descriptor is not None:
        os.write(descriptor, b"\n")
        os.close(descriptor)

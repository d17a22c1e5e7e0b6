"""Memory: what a batch gave back is kept for the next one, and what start-up made is not looked at again."""

import ctypes
import gc
import sys

# malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 32 * 1024 * 1024
_TRIM_THRESHOLD_BYTES = 128 * 1024 * 1024
# Requests leave next to no cycles behind; the default of 700 looks for some several times in each batch.
_COLLECT_AFTER_OBJECTS = 50_000


def stop_collecting_what_stays() -> None:
    """Take what was made so far out of garbage collection, and collect the rest more rarely. Call it after start-up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, *gc.get_threshold()[1:])


def keep_freed_memory() -> None:
    """Tell glibc to keep freed buffers; elsewhere this does nothing.

    Bodies and batches are larger than glibc's threshold for memory that goes back to the kernel at once: each of them
    would be mapped, zeroed page by page and unmapped again. Keeping it saves about a third of the time that publishing
    512 spans costs (`make bench`).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)

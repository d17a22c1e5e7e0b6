"""The driver's errors as the worker's: try again, or find the record that PostgreSQL refuses."""

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg

from gateway.runtime.postgres import UNREACHABLE
from schemas.errors import StorePermanent, StoreTransient

# SQLSTATE classes that blame the data: data exception (the driver's own refusals too), integrity constraint violation,
# program limit exceeded.
_PERMANENT_CLASSES = ("22", "23", "54")


class LeafGone(StoreTransient):
    """A table that rows were to go to was dropped by a wipe, or by retention: pack again, for a leaf that exists."""

    reason = "leaf_gone"


@contextmanager
def translated() -> Generator[None]:
    """Translate what the driver raises.

    Raises:
        LeafGone: a table is missing.
        StorePermanent: PostgreSQL refuses a value, and would again.
        StoreTransient: anything else that PostgreSQL or the network may do.
    """
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        raise LeafGone(f"{error}. If this goes on, run `axonpush migrate`.") from error
    except asyncpg.PostgresError as error:
        code = error.sqlstate or ""
        kind = StorePermanent if code.startswith(_PERMANENT_CLASSES) else StoreTransient
        raise kind(f"PostgreSQL answered {code} {type(error).__name__}: {error}.") from error
    except UNREACHABLE as error:
        raise StoreTransient(f"PostgreSQL cannot be reached: {type(error).__name__}: {error}.") from error

"""What of Sentry's is stored in the development environment of a test's app."""

from typing import Any

from asyncpg import Record

from tests.acceptance.stack import App, Stack


def items(stack: Stack, app: App, item_type: str) -> list[Record]:
    """Answer the items of a type, in the order of their receipt."""
    query = "SELECT * FROM sentry_items WHERE environment = $1 AND type = $2 ORDER BY received_at"
    return stack.database.rows(query, app.environments["development"], item_type)


def payloads(stack: Stack, app: App, item_type: str) -> list[Any]:
    """Answer what the items of a type say."""
    return [row["json"] for row in items(stack, app, item_type)]


def attachments(stack: Stack, app: App) -> list[tuple[str, str, bytes]]:
    """Answer of which event each attachment is, as 32 hex digits, its name and its bytes; none is of several chunks."""
    query = "SELECT event_id, filename, data FROM attachments WHERE environment = $1 ORDER BY filename"
    rows = stack.database.rows(query, app.environments["development"])
    return [(row["event_id"].hex, row["filename"], bytes(row["data"])) for row in rows]


def discarded(stack: Stack, app: App) -> dict[tuple[str, str], int]:
    """Answer how many items SDKs reported that they did not send, by reason and category."""
    query = "SELECT * FROM sentry_outcomes WHERE environment = $1 AND outcome = 'client_discard'"
    rows = stack.database.rows(query, app.environments["development"])
    return {(row["reason"], row["category"]): row["quantity"] for row in rows}

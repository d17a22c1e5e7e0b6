"""The columns of generative AI and of the error type, from a span's attributes, by today's and by older names."""

from collections.abc import Mapping
from typing import Any

from consumers.rows.binary import INT8_MAX, NULL, int8
from consumers.rows.encoder import Encoder
from consumers.rows.tables import GEN_AI

# Column → attributes, the first that is there counts. After the names of semantic conventions 1.38 those of 1.36 and
# earlier, of OpenLLMetry and of Sentry's SDKs.
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gen_ai_operation": ("gen_ai.operation.name",),
    "gen_ai_provider": ("gen_ai.provider.name", "gen_ai.system"),
    "gen_ai_request_model": ("gen_ai.request.model",),
    "gen_ai_response_model": ("gen_ai.response.model",),
    "gen_ai_input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "gen_ai_output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "gen_ai_cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
    ),
    "gen_ai_reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
    ),
    "gen_ai_conversation_id": ("gen_ai.conversation.id",),
    "gen_ai_agent_name": ("gen_ai.agent.name",),
    "gen_ai_tool_name": ("gen_ai.tool.name",),
    "error_type": ("error.type",),
}

# What every span that has none of these attributes gets.
ABSENT = NULL * len(GEN_AI)


def may_be_in(attributes: bytes) -> bool:
    """Tell quickly whether JSON text of attributes may hold any of them."""
    return b'"gen_ai.' in attributes or b'"error.type"' in attributes


def fields(attributes: Mapping[str, Any], encoder: Encoder) -> dict[str, bytes]:
    """Write the columns that the attributes fill."""
    found: dict[str, bytes] = {}
    for column, names in _ATTRIBUTES.items():
        value = next((attributes[name] for name in names if attributes.get(name) is not None), None)
        if value is None:
            continue
        if not column.endswith("_tokens"):
            found[column] = encoder.text(column, value if isinstance(value, str) else str(value))
        elif (count := _count(value)) is not None:
            found[column] = int8(count)
    return found


def joined(attributes: Mapping[str, Any], encoder: Encoder) -> bytes:
    """Write all of the columns, one after the other."""
    found = fields(attributes, encoder)
    return b"".join([found.get(column, NULL) for column in GEN_AI])


def _count(value: Any) -> int | None:  # noqa: ANN401 (any JSON value)
    """Read a number of tokens; some libraries send it as text or as a double."""
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return count if abs(count) <= INT8_MAX else None

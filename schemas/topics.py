"""The name of an environment's Kafka topic, and the way back."""

_PREFIX = "axonpush.env."


def topic_of(environment_id: str) -> str:
    """Name the topic of one environment; the id is a ULID that is never reused."""
    return _PREFIX + environment_id


def environment_of(topic: str) -> str:
    """Name the environment of one topic.

    Raises:
        ValueError: the topic is not an environment's.
    """
    if not topic.startswith(_PREFIX):
        msg = f"{topic!r} is not the topic of an environment"
        raise ValueError(msg)
    return topic.removeprefix(_PREFIX)

"""How many examples a property is tried with where it takes longer than others: so many of a profile's usual number."""

from hypothesis import settings

USUAL_COUNT = 50
"""What the profile of `make test` tries; that of `make fuzz` tries more."""


def examples(count: int) -> settings:
    """Answer the settings for a property: `count` examples in `make test`, as many times more as the profile says."""
    profile = settings.default
    assert profile is not None
    return settings(max_examples=max(1, count * profile.max_examples // USUAL_COUNT))

"""How hard hypothesis tries: as usual in `make test`; in `make fuzz`, under the profile of that name, much harder."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz", max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

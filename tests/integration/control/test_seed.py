"""The first start's seed: made once, found again, and completed where something is missing."""

from msgspec import structs

from gateway.control.seed import Seeded, SeedSecrets, seed
from gateway.control.service import Service
from gateway.identity.tokens import Peppers
from tests.integration.control.api import Api


async def test_a_fresh_database_gets_an_app_with_channel_one_and_keys(api: Api, seeded: Seeded) -> None:
    assert seeded.app.slug == "default"
    assert seeded.channel_id == seeded.app.default_channel_id == 1
    assert list(seeded.secrets.api_keys) == ["production", "development"]
    assert seeded.secrets.api_keys["production"].startswith("ak_prod_")
    assert seeded.secrets.api_keys["development"].startswith("ak_dev_")
    assert seeded.secrets.management_key.startswith("mk_admin_")
    keys = (await api.got("/api-keys", appId=seeded.app.id))["items"]
    assert {key["environmentId"] for key in keys} >= {seeded.app.default_environment_id}


async def test_a_second_start_changes_nothing(service: Service, api: Api, seeded: Seeded) -> None:
    before = await api.got("/api-keys")
    assert await seed(service, secrets=seeded.secrets) == seeded
    assert await api.got("/api-keys") == before


async def test_a_revoked_key_is_replaced(service: Service, api: Api, seeded: Seeded) -> None:
    await api.call("POST", f"/api-keys/{seeded.secrets.api_keys['development'][7:33]}/revoke")
    again = await seed(service, secrets=seeded.secrets)
    assert again.secrets.api_keys["production"] == seeded.secrets.api_keys["production"]
    assert again.secrets.api_keys["development"] != seeded.secrets.api_keys["development"]
    assert await seed(service, secrets=again.secrets) == again


async def test_keys_under_a_lost_pepper_are_replaced(service: Service, seeded: Seeded) -> None:
    elsewhere = structs.replace(service, peppers=Peppers(current=1, by_version={1: b"q" * 32}))
    again = await seed(elsewhere, secrets=seeded.secrets)
    assert again.secrets.management_key != seeded.secrets.management_key
    assert (await Api(elsewhere, again.secrets.management_key).call("GET", "/apps"))[0] == 200


async def test_without_secrets_new_ones_are_made(service: Service, seeded: Seeded) -> None:
    again = await seed(service, secrets=SeedSecrets())
    assert again.app == seeded.app
    assert (await Api(service, again.secrets.management_key).call("GET", "/apps"))[0] == 200

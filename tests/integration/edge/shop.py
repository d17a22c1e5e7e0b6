"""The least that a test of the edge needs of the control plane."""

from msgspec import Struct

from tests.acceptance.stack import App


class Shop(Struct):
    """An app and a key of it."""

    app: App
    key: str

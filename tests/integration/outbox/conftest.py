"""Settings under which webhooks may call this machine."""

import pytest

from docustore.config import Settings


@pytest.fixture
def local(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_private_networks": ("127.0.0.0/8",), "outbox_lease_s": 3})

"""What all integration tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.cli.docustore_command import SERVER


@pytest.fixture(scope="session", autouse=True)
async def command_server() -> AsyncIterator[None]:
    """End the process that runs commands, if a test has started it."""
    yield
    await SERVER.stop()

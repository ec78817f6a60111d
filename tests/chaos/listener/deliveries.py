"""A webhook that hears of deletions, called by a worker that is killed too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from docustore.config import Settings
from docustore.database import Database
from tests.chaos.patience import patiently
from tests.chaos.programs import WORKER, KeptRunning
from tests.http_service import HttpService
from tests.receiving import is_drained, make_due, numbers, receiver, webhook
from tests.waiting import until

ENVIRONMENT = {"DOCUSTORE_WEBHOOK_PRIVATE_NETWORKS": '["127.0.0.0/8"]', "DOCUSTORE_OUTBOX_LEASE_S": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveries:
    """One webhook for deletions, its receiver, and the worker that calls it."""

    database: Database
    settings: Settings
    receiver: HttpService
    worker: KeptRunning

    @property
    def received(self) -> list[int]:
        """The numbers of the changes that were told, in order, with repetitions."""
        return numbers(self.receiver)

    async def wait_until_drained(self) -> None:
        """Wait until no event waits, also not for its next attempt."""

        async def drained() -> bool:
            await self.worker.restart_if_ended()
            await make_due(self.database)
            return await is_drained(self.database)

        await until(lambda: patiently(drained), what="all deliveries")


@asynccontextmanager
async def webhook_deliveries(
    database: Database, settings: Settings, folder: Path
) -> AsyncIterator[WebhookDeliveries]:
    """Start the receiver and the worker; the webhook hears of the changes from now on."""
    local = settings.model_copy(update={"webhook_private_networks": ("127.0.0.0/8",)})
    worker = KeptRunning(*WORKER, settings=settings, log=folder / "worker.log", environment=ENVIRONMENT)
    async with receiver() as service:
        await webhook(database, local, service.url, operations=["delete"])
        try:
            await worker.start()
            yield WebhookDeliveries(database=database, settings=local, receiver=service, worker=worker)
        finally:
            await worker.kill()

"""The way out of this worker: its handlers, the stream, the senders of all kinds."""

from docustore.config import Settings
from docustore.database import Database
from docustore.outbox.deliveries import Deliveries
from docustore.outbox.destinations import DestinationKind
from docustore.outbox.handlers import ensure_handlers, load_handlers, open_handler
from docustore.outbox.valkey_stream import ensure_stream, stream_opener
from docustore.queue import Queue
from docustore.webhooks.sender import webhook_opener


async def way_out(database: Database, queue: Queue, settings: Settings, *, owner: str) -> Deliveries:
    """Make the destinations of code and settings, and the deliveries."""
    await ensure_handlers(database, load_handlers().values())
    await ensure_stream(database, settings)
    senders = {
        DestinationKind.WEBHOOK.value: webhook_opener(database, settings),
        DestinationKind.HANDLER.value: open_handler,
    }
    if settings.outbox_stream_key is not None:
        senders[DestinationKind.STREAM.value] = stream_opener(queue, settings)
    return Deliveries(database, senders, owner=owner, lease_s=settings.outbox_lease_s)

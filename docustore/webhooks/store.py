"""The documents of webhooks: address and secrets.

Filter and state of a webhook are those of its destination.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database, Document
from docustore.errors import NotFoundError
from docustore.outbox.destinations import DestinationKind

WEBHOOKS: Final = "webhooks"


def destination_of(webhook_id: str) -> str:
    """Return the name of the destination of a webhook."""
    return f"{DestinationKind.WEBHOOK.value}:{webhook_id}"


def webhook_id_of(destination: str) -> str:
    """Return the id of the webhook of a destination."""
    return destination.partition(":")[2]


async def find_webhook(
    database: Database, webhook_id: str, *, session: AsyncClientSession | None = None
) -> Document:
    """Read a webhook.

    Raises:
        NotFoundError: There is no such webhook.
    """
    found = await database[WEBHOOKS].find_one({"_id": webhook_id}, session=session)
    if found is None:
        raise NotFoundError(kind="webhook", id=webhook_id)
    return found


def stored_secret(secret: str, *, expires_at: datetime | None = None) -> Document:
    """Return the stored form of a secret; None = it never expires."""
    return {"secret": secret, "expires_at": expires_at}


def valid_secrets(webhook: Mapping[str, Any], *, now: datetime) -> list[str]:
    """List the secrets that sign a message now, the newest first."""
    return [
        each["secret"] for each in webhook["secrets"] if each["expires_at"] is None or each["expires_at"] > now
    ]

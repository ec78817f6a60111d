"""Alerts and their messages as the API shows them. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from docustore.etl.alert_outbox import MessageState
from docustore.etl.incidents import area_of

# Members of the body of a message that the view has anyway.
_TOLD: Final = frozenset({"event", "at"})


class AlertView(msgspec.Struct, frozen=True):
    """One thing that a person must act on, or had to.

    `area` is `etl`, `changes`, `outbox` or `quality`; `subject` is the source, the destination, the rule or the
    effect. `last_at` is the last time at which it was found. `closed_at` is null while it goes on. `facts`
    depend on the kind.
    """

    id: str
    kind: str
    area: str
    subject: str
    owner: str | None
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None
    facts: dict[str, Any]


class AlertsView(msgspec.Struct, frozen=True):
    """The open alerts, oldest first, and those that ended lately, latest first."""

    open: list[AlertView]
    closed: list[AlertView]


class AddressView(msgspec.Struct, frozen=True):
    """What one address made of a message.

    `place` is scheme and host of the address. `error` is null if it took the message.
    """

    place: str
    at: datetime | None
    error: str | None


class MessageView(msgspec.Struct, frozen=True):
    """One message to the configured addresses.

    `failed` is given up. `next_attempt_at` is null unless it is `pending`.
    """

    id: str
    event: str
    at: datetime
    state: MessageState
    attempts: int
    next_attempt_at: datetime | None
    facts: dict[str, Any]
    deliveries: list[AddressView]


class RetriedView(msgspec.Struct, frozen=True):
    """How many messages are retried."""

    messages: int


def alert_view(incident: Mapping[str, Any]) -> AlertView:
    """Make the view of one incident."""
    facts = incident["facts"]
    return AlertView(
        id=str(incident["_id"]),
        kind=incident["kind"],
        area=area_of(incident["kind"]),
        subject=incident["source"],
        owner=facts.get("owner"),
        opened_at=incident["opened_at"],
        last_at=incident.get("last_at") or incident["opened_at"],
        closed_at=incident["closed_at"],
        facts={name: value for name, value in facts.items() if value is not None and name != "owner"},
    )


def message_view(message: Mapping[str, Any]) -> MessageView:
    """Make the view of one message."""
    state = MessageState(message["state"])
    body: Mapping[str, Any] = message["body"]
    return MessageView(
        id=message["_id"],
        event=message["event"],
        at=message["at"],
        state=state,
        attempts=message["attempts"],
        next_attempt_at=message["next_attempt_at"] if state is MessageState.PENDING else None,
        facts={name: value for name, value in body.items() if value is not None and name not in _TOLD},
        deliveries=[
            AddressView(place=each["place"], at=each["at"], error=each["error"])
            for each in message["deliveries"].values()
        ],
    )

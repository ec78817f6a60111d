"""The bodies of requests for webhooks."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from docustore.api.body_types import Flag, NaturalNumber, PositiveNumber, RequestBody, WholeNumber
from docustore.api.field_errors import one_of
from docustore.changes.subscriptions import EventKind
from docustore.outbox.filters import FIELD_NAMES, unknown_fields
from docustore.users.profile import UserStatus
from docustore.webhooks.addresses import MAX_URL_CHARS, url_problem

MAX_DESCRIPTION_CHARS: Final = 500
# Two weeks: longer than anyone needs to roll a secret out.
MAX_OVERLAP_H: Final = 336
DEFAULT_OVERLAP_H: Final = 24


def _url(given: str) -> str:
    if (problem := url_problem(given)) is not None:
        raise PydanticCustomError("webhook_url", "{reason}", {"reason": problem})
    return given


def _fields(given: list[str]) -> list[str]:
    if unknown_fields(given):
        raise PydanticCustomError("enum", "no such field", {"expected": one_of(FIELD_NAMES)})
    return list(dict.fromkeys(given))


WebhookUrl = Annotated[str, Field(max_length=MAX_URL_CHARS), AfterValidator(_url)]


class WebhookUpdateInput(RequestBody):
    """Address and filter of a webhook; an empty filter wants everything."""

    url: WebhookUrl = Field(
        description="where events are posted; https, unless its network is allowed by the settings"
    )
    description: str = Field("", max_length=MAX_DESCRIPTION_CHARS)
    operations: list[EventKind] = Field(
        default_factory=list, max_length=len(EventKind), description="only these; all if empty"
    )
    fields: Annotated[list[str], Field(max_length=len(FIELD_NAMES)), AfterValidator(_fields)] = Field(
        default_factory=list,
        description="an update must have changed one of these, such as `profile.location`",
        json_schema_extra={"items": {"type": "string", "enum": list(FIELD_NAMES)}},
    )
    statuses: list[UserStatus] = Field(
        default_factory=list,
        max_length=len(UserStatus),
        description="only users with one of these after the change",
    )

    def filter(self) -> dict[str, list[str]]:
        """Return the filter as a destination stores it."""
        return {
            "operations": [kind.value for kind in self.operations],
            "fields": list(self.fields),
            "statuses": [status.value for status in self.statuses],
        }


class WebhookInput(WebhookUpdateInput):
    """A new webhook."""

    since: NaturalNumber | None = Field(
        None, description="the number after which past changes are told too; only new ones if absent"
    )


class EnableInput(RequestBody):
    """How to enable a webhook."""

    replay_missed: Flag = Field(False, description="also tell what happened while it was disabled")


class RotateInput(RequestBody):
    """How long the old secret stays valid."""

    overlap_h: WholeNumber = Field(
        DEFAULT_OVERLAP_H, ge=0, le=MAX_OVERLAP_H, description="hours in which both secrets sign"
    )


class ReplayRangeInput(RequestBody):
    """Which changes to tell once more."""

    since: WholeNumber = Field(ge=0, description="the number after which the range begins")
    until: PositiveNumber | None = Field(None, description="its last number; the present one if absent")

"""The body of a scheduled report."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from docustore.analytics.named_documents import NAME_PATTERN
from docustore.api.body_types import RequestBody
from docustore.recurrence import OFF, parse_recurrence, parse_zone
from docustore.users.email import EmailMalformedError, ascii_form, normalise_email
from docustore.users.field_types import MAX_EMAIL_CHARS
from docustore.webhooks.bodies import WebhookUrl

MAX_RECIPIENTS: Final = 20
MAX_SCHEDULE_CHARS: Final = 100
MAX_ZONE_CHARS: Final = 64


class ReportFormat(StrEnum):
    """How the rows are sent."""

    CSV = "csv"
    HTML = "html"


def _refused(reason: str) -> PydanticCustomError:
    return PydanticCustomError("not_in_language", "{reason}", {"reason": reason})


def _address(given: str) -> str:
    try:
        address = normalise_email(given)
    except EmailMalformedError as exc:
        raise PydanticCustomError("email_malformed", "{reason}", {"reason": str(exc)}) from exc
    if ascii_form(address) is None:
        raise _refused("only ASCII characters may stand before the @-sign of a recipient: use another mailbox")
    return address


def _unrepeated(given: list[str]) -> list[str]:
    return list(dict.fromkeys(given))


Recipient = Annotated[str, Field(max_length=MAX_EMAIL_CHARS), AfterValidator(_address)]


class ReportInput(RequestBody):
    """Which saved query is answered when, and where its rows go."""

    model_config = ConfigDict(frozen=True)

    query: str = Field(pattern=NAME_PATTERN, description="the name of a saved query")
    schedule: str = Field(
        max_length=MAX_SCHEDULE_CHARS,
        description="`hourly`, `daily`, `weekly`, `monthly`, an interval such as `every 6h`, or a cron expression",
    )
    timezone: str = Field("UTC", max_length=MAX_ZONE_CHARS, description="the clock of a cron expression")
    format: ReportFormat = Field(ReportFormat.CSV)
    webhook_url: WebhookUrl | None = Field(None, description="where signed messages are posted")
    mail_to: Annotated[list[Recipient], AfterValidator(_unrepeated)] = Field(
        [], max_length=MAX_RECIPIENTS, description="who gets it by mail; the operator sets the mail server"
    )

    @model_validator(mode="after")
    def _has_one_destination(self) -> Self:
        if (self.webhook_url is None) is not bool(self.mail_to):
            raise _refused("give `webhook_url` or `mail_to`")
        return self

    @field_validator("schedule")
    @classmethod
    def _recurs(cls, given: str) -> str:
        try:
            # No zone makes a schedule invalid.
            rule = parse_recurrence(given, timezone="UTC")
        except ValueError as exc:
            raise _refused(str(exc)) from exc
        if rule is None:
            raise _refused(f"a report that is {OFF!r} is paused instead: save it with another schedule")
        return given

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, given: str) -> str:
        try:
            parse_zone(given)
        except ValueError as exc:
            raise _refused(str(exc)) from exc
        return given

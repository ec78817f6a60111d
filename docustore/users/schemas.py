"""The bodies of requests: a whole user, and the bulk change of status. Pure."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from docustore.api.body_types import Flag, RequestBody, RequestTime, WholeNumber, parsed
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.field_types import MAX_LABELS, Label
from docustore.users.fields import WRITABLE, Values, WritableFields
from docustore.users.profile import UserStatus

# NIST SP 800-63B, 3.1.1.2: at least 8 if a password is not the only factor. The maximum limits the hashing time.
MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 1024


def _email(raw: str) -> str:
    try:
        return normalise_email(raw)
    except EmailMalformedError as exc:
        raise PydanticCustomError("email_malformed", "{reason}", {"reason": str(exc)}) from exc


def _unique(labels: list[str]) -> list[str]:
    return list(dict.fromkeys(labels))


Email = Annotated[str, AfterValidator(_email)]
Labels = Annotated[list[Label], Field(max_length=MAX_LABELS), AfterValidator(_unique)]
Password = Annotated[SecretStr, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]


class UserInput(WritableFields):
    """A user as a client writes it; a field that is left out gets its default."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: Email = Field(
        description="unique among users that are not deleted; stored in lower case",
        json_schema_extra={"format": "email"},
    )
    roles: Labels = Field(default_factory=list)
    tags: Labels = Field(default_factory=list)
    password: Password | None = Field(None, description="stored as an argon2 hash, never returned")

    def values(self, *, created_at: datetime | None) -> Values:
        """Return the mapped fields as `docustore.users.identities` stores them."""
        return {**self.model_dump(mode="json", include=set(WRITABLE)), "created_at": created_at}


class BulkStatusInput(RequestBody):
    """An order to move users from one status to another."""

    current_status: UserStatus
    new_status: UserStatus
    updated_before: RequestTime | None = Field(
        None, description="only users whose last change was before this time"
    )
    dry_run: Flag = Field(False, description="only count the users")
    max_affected: WholeNumber | None = Field(
        None, ge=0, description="refuse the request and change nothing if more users match"
    )

    @model_validator(mode="after")
    def _statuses_differ(self) -> Self:
        if self.current_status is self.new_status:
            raise PydanticCustomError("status_unchanged", "new_status must differ from current_status")
        return self


def parse_user(document: object) -> UserInput:
    """Read a whole user, such as the result of a patch.

    Raises:
        InvalidInputError: At least one field is invalid; the error lists every invalid field.
    """
    return parsed(UserInput, document)

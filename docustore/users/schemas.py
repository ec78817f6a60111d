"""What the API takes: the whole user, and the order to change many. Pure."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from docustore.api.field_errors import field_errors
from docustore.clock import as_utc
from docustore.errors import InvalidInputError
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.identities import Values
from docustore.users.profile import (
    MAX_AVATAR_CHARS,
    MAX_BIO_CHARS,
    MAX_LABEL_CHARS,
    MAX_LABELS,
    MAX_LOCATION_CHARS,
    MAX_NAME_CHARS,
    Profile,
    UserStatus,
)

# NIST SP 800-63B, 3.1.1.2: at least 8 where a password is not the only factor. The upper bound limits the hashing.
MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 1024


def _email(raw: str) -> str:
    try:
        return normalise_email(raw)
    except EmailMalformedError as exc:
        raise PydanticCustomError("email_malformed", "{reason}", {"reason": str(exc)}) from exc


def _text(raw: str) -> str:
    # Line breaks and tabs are text, in a biography at least; other control characters come from broken clients.
    if not raw.isprintable() and any(unicodedata.category(char) == "Cc" and char not in "\t\n\r" for char in raw):
        raise PydanticCustomError("control_character", "holds a null byte or another control character")
    return raw


def _unique(labels: list[str]) -> list[str]:
    return list(dict.fromkeys(labels))


def _text_up_to(max_chars: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=max_chars)


Email = Annotated[str, AfterValidator(_email)]
PersonName = Annotated[str, _text_up_to(MAX_NAME_CHARS), AfterValidator(_text)]
Avatar = Annotated[str, _text_up_to(MAX_AVATAR_CHARS), AfterValidator(_text)]
Bio = Annotated[str, _text_up_to(MAX_BIO_CHARS), AfterValidator(_text)]
Location = Annotated[str, _text_up_to(MAX_LOCATION_CHARS), AfterValidator(_text)]
Label = Annotated[str, _text_up_to(MAX_LABEL_CHARS), Field(min_length=1), AfterValidator(_text)]
Labels = Annotated[list[Label], Field(max_length=MAX_LABELS), AfterValidator(_unique)]
Password = Annotated[SecretStr, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]


class ProfileInput(Profile):
    """What a user shows of itself, as a client writes it."""

    avatar: Avatar | None = None
    bio: Bio | None = None
    location: Location | None = None


class UserInput(BaseModel):
    """A user as a client writes it: every field that is left out has its default."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: Email = Field(
        description="unique among users that are not deleted; stored in lower case",
        json_schema_extra={"format": "email"},
    )
    first_name: PersonName = ""
    last_name: PersonName = ""
    status: UserStatus = UserStatus.ACTIVE
    profile: ProfileInput = Field(default_factory=ProfileInput)
    roles: Labels = Field(default_factory=list)
    tags: Labels = Field(default_factory=list)
    password: Password | None = Field(None, description="stored as an argon2 hash, never returned")

    def values(self, *, created_at: datetime | None) -> Values:
        """Return the mapped fields as `docustore.users.identities` keeps them."""
        return Values(
            email=self.email,
            first_name=self.first_name,
            last_name=self.last_name,
            status=self.status.value,
            profile=self.profile.model_dump(mode="json"),
            roles=self.roles,
            tags=self.tags,
            created_at=created_at,
        )


class BulkStatusInput(BaseModel):
    """Which users to move from one status to another."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    current_status: UserStatus
    new_status: UserStatus
    updated_before: Annotated[AwareDatetime, AfterValidator(as_utc)] | None = Field(
        None, description="only users last changed before this time"
    )
    dry_run: bool = Field(False, description="count only")
    max_affected: int | None = Field(None, ge=0, description="refuse, and change nothing, if more users fit")

    @model_validator(mode="after")
    def _statuses_differ(self) -> Self:
        if self.current_status is self.new_status:
            raise PydanticCustomError("status_unchanged", "new_status must differ from current_status")
        return self


def parse_user(document: object) -> UserInput:
    """Read a whole user, such as one that a patch has been applied to.

    Raises:
        InvalidInputError: Lists every field that does not fit.
    """
    try:
        return UserInput.model_validate(document)
    except ValidationError as exc:
        raise InvalidInputError(field_errors(exc.errors())) from exc


def writable(user: Mapping[str, Any]) -> dict[str, Any]:
    """Show a complete raw user as a client writes it: what a patch is applied to."""
    return {
        "email": user["email"],
        "first_name": user["first_name"],
        "last_name": user["last_name"],
        "status": user["status"],
        "profile": user["profile"],
        "roles": user["roles"],
        "tags": user["tags"],
    }

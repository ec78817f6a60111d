"""The built-in rules. Pure."""

from datetime import datetime
from typing import Any, Final

from docustore.quality.rules import Dimension, Holds, Limit, NotOlderThan, Rule, Severity, UniqueBy, User
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.field_types import is_http_url
from docustore.users.profile import Theme, UserStatus
from docustore.users.search_terms import fold

STALE_AFTER_DAYS: Final = 365
_STATUSES: Final = frozenset(status.value for status in UserStatus)
_THEMES: Final = frozenset(theme.value for theme in Theme)
# Providers that ignore dots in the local part; `+` begins a tag at most providers.
_DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})


def _profile(user: User) -> dict[str, Any]:
    profile = user.get("profile")
    return profile if isinstance(profile, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_one_of(value: Any, words: frozenset[str]) -> bool:
    """Tell whether a value of any type is one of some words."""
    # Another client may store a list, or `Code`, which is a text for `isinstance`; no set can hold them.
    return type(value) is str and value in words


def _has_first_name(user: User) -> bool:
    return _is_text(user.get("first_name"))


def _has_last_name(user: User) -> bool:
    return _is_text(user.get("last_name"))


def _email_is_valid(user: User) -> bool:
    email = user.get("email")
    if not isinstance(email, str):
        return False
    try:
        return normalise_email(email) == email
    except EmailMalformedError:
        return False


def _status_is_known(user: User) -> bool:
    return is_one_of(user.get("status"), _STATUSES)


def _has_upstream(user: User) -> bool:
    return bool(_upstream(user))


def _upstream(user: User) -> list[dict[str, Any]]:
    identities = user.get("identities")
    entries = identities if isinstance(identities, list) else []
    return [entry for entry in entries if not str(entry["key"]).startswith("local:")]


def _status_follows_sources(user: User) -> bool | None:
    if any(str(entry["key"]).startswith("local:") for entry in user.get("identities") or ()):
        # An edit may set any status.
        return True
    ended = all(entry.get("deleted_at") is not None for entry in _upstream(user))
    return not ended or user.get("status") == UserStatus.INACTIVE.value


def _preferences_are_complete(user: User) -> bool:
    preferences = _profile(user).get("preferences")
    if not isinstance(preferences, dict):
        return False
    return (
        isinstance(preferences.get("notifications"), bool)
        and is_one_of(preferences.get("theme"), _THEMES)
        and _is_text(preferences.get("language"))
    )


def _profile_is_complete(user: User) -> bool:
    profile = _profile(user)
    return all(_is_text(profile.get(name)) for name in ("avatar", "bio", "location"))


def _has_avatar(user: User) -> bool:
    return _is_text(_profile(user).get("avatar"))


def _avatar_is_address(user: User) -> bool:
    return is_http_url(_profile(user)["avatar"])


def _is_of_the_model(user: User) -> bool:
    return (
        isinstance(version := user.get("version"), int)
        and not isinstance(version, bool)
        and isinstance(user.get("created_at"), datetime)
        and isinstance(user.get("updated_at"), datetime)
        and isinstance(identities := user.get("identities"), list)
        and all(isinstance(each, dict) and isinstance(each.get("key"), str) for each in identities)
        and all(_is_list_of_texts(user.get(name)) for name in ("roles", "tags"))
        and isinstance(user.get("profile"), dict)
    )


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _times_are_in_order(user: User) -> bool | None:
    created_at, updated_at = user.get("created_at"), user.get("updated_at")
    if not isinstance(created_at, datetime) or not isinstance(updated_at, datetime):
        return None
    return created_at <= updated_at


def _updated_at(user: User) -> datetime | None:
    updated_at = user.get("updated_at")
    return updated_at if isinstance(updated_at, datetime) else None


def _mailbox(user: User) -> str | None:
    email = user.get("email")
    if not isinstance(email, str) or "@" not in email:
        return None
    local, _, domain = email.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _person(user: User) -> str | None:
    first, last, place = user.get("first_name"), user.get("last_name"), _profile(user).get("location")
    if not (_is_text(first) and _is_text(last) and _is_text(place)):
        return None
    return " ".join(fold(f"{first} {last} {place}").split())


BUILTIN: Final = (
    Rule(
        name="first_name_present",
        title="The first name is given.",
        remedy="Correct the record in its source, or require `first_name` in the source's settings.",
        dimension=Dimension.COMPLETENESS,
        severity=Severity.WARNING,
        fields=("first_name",),
        check=Holds(test=_has_first_name),
        warn=Limit(percent=1),
        fail=Limit(percent=20),
    ),
    Rule(
        name="last_name_present",
        title="The last name is given.",
        remedy="Correct the record in its source, or require `last_name` in the source's settings.",
        dimension=Dimension.COMPLETENESS,
        severity=Severity.WARNING,
        fields=("last_name",),
        check=Holds(test=_has_last_name),
        warn=Limit(percent=1),
        fail=Limit(percent=20),
    ),
    Rule(
        name="preferences_complete",
        title="The preferences name notifications, a known theme and a language.",
        remedy="Write the user through the API or the ETL: both fill in defaults.",
        dimension=Dimension.COMPLETENESS,
        severity=Severity.INFO,
        fields=("profile",),
        check=Holds(test=_preferences_are_complete),
    ),
    Rule(
        name="profile_complete",
        title="Avatar, biography and location are given.",
        remedy="Ask the user, or map the columns of the source that hold them.",
        dimension=Dimension.COMPLETENESS,
        severity=Severity.INFO,
        fields=("profile",),
        check=Holds(test=_profile_is_complete),
        warn=Limit(percent=50),
    ),
    Rule(
        name="email_valid",
        title="The e-mail address can receive mail and has its stored spelling.",
        remedy="Run `docustore migrate up`, which repairs spellings; correct malformed addresses by PATCH.",
        dimension=Dimension.VALIDITY,
        severity=Severity.ERROR,
        fields=("email",),
        check=Holds(test=_email_is_valid),
        fail=Limit(percent=0.5),
    ),
    Rule(
        name="status_known",
        title="The status is active, inactive or suspended.",
        remedy="Set the status by POST /users/{id}/activate, /deactivate or /suspend.",
        dimension=Dimension.VALIDITY,
        severity=Severity.ERROR,
        fields=("status",),
        check=Holds(test=_status_is_known),
        fail=Limit(percent=0.5),
    ),
    Rule(
        name="avatar_is_web_address",
        title="A given avatar is an http or https address.",
        remedy="Run `docustore migrate up`, which removes other addresses.",
        dimension=Dimension.VALIDITY,
        severity=Severity.ERROR,
        fields=("profile",),
        applies=_has_avatar,
        check=Holds(test=_avatar_is_address),
    ),
    Rule(
        name="status_follows_sources",
        title="A user whose upstream records have all ended is inactive.",
        remedy="Run `docustore etl run SOURCE --full`; a client that writes the status must use the API.",
        dimension=Dimension.CONSISTENCY,
        severity=Severity.ERROR,
        fields=("identities", "status"),
        applies=_has_upstream,
        check=Holds(test=_status_follows_sources),
    ),
    Rule(
        name="times_in_order",
        title="The user was registered before its last update.",
        remedy="Correct the registration time in the source.",
        dimension=Dimension.CONSISTENCY,
        severity=Severity.WARNING,
        fields=("created_at", "updated_at"),
        check=Holds(test=_times_are_in_order),
    ),
    Rule(
        name="written_by_the_model",
        title="The stored user has the fields and types of the model.",
        remedy="Another client wrote the user: change it to use the API, and write the user again.",
        dimension=Dimension.ACCURACY,
        severity=Severity.ERROR,
        fields=("version", "created_at", "updated_at", "identities", "roles", "tags", "profile"),
        check=Holds(test=_is_of_the_model),
    ),
    Rule(
        name="updated_lately",
        title=f"The user was updated during the last {STALE_AFTER_DAYS} days.",
        remedy="Check that the source still sends the user: `docustore etl reconcile SOURCE`.",
        dimension=Dimension.TIMELINESS,
        severity=Severity.INFO,
        fields=("updated_at",),
        check=NotOlderThan(clock=_updated_at, days=STALE_AFTER_DAYS),
        warn=Limit(percent=25),
    ),
    Rule(
        name="mailbox_unique",
        title="No two users have one mailbox under two spellings.",
        remedy="Compare the users and correct the address of one of them in its source.",
        dimension=Dimension.UNIQUENESS,
        severity=Severity.WARNING,
        fields=("email",),
        check=UniqueBy(value=_mailbox),
    ),
    Rule(
        name="person_unique",
        title="No two users have one name in one place.",
        remedy="Compare the users: two records of one person need one e-mail address to be one user.",
        dimension=Dimension.UNIQUENESS,
        severity=Severity.INFO,
        fields=("first_name", "last_name", "profile"),
        check=UniqueBy(value=_person),
        warn=Limit(percent=5),
    ),
)

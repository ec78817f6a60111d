"""The rules of quality, stated a second time: in the plainest way, for the values of a history.

Nothing here calls a rule of docustore.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from tests.chaos.histories.reading import User
from tests.chaos.histories.rules import KNOWN_LANGUAGES, REGISTERED_DAYS, forbidden_letter

ADDRESS: Final = re.compile(r"[a-z0-9]+(?:[.+][a-z0-9]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
WEB_ADDRESS: Final = re.compile(r"https?://[^\s/?#][^\s]*")
STALE_DAYS: Final = 365


class Result(Enum):
    """What a rule says of one user."""

    HOLDS = auto()
    VIOLATED = auto()
    NOT_EVALUATED = auto()
    NOT_CONCERNED = auto()


Judge = Callable[[User], Result]


@dataclass(slots=True)
class Figures:
    """The figures of one rule, and the users that violate it.

    `groups` are the users of each value that must be unique.
    """

    violating: set[Any] = field(default_factory=set)
    not_evaluated: int = 0
    not_concerned: int = 0
    users: int = 0
    groups: dict[str, set[Any]] = field(default_factory=dict)


def expected_figures(users: Iterable[User], *, edit: int, now: datetime) -> dict[str, Figures]:
    """Judge all users that are not deleted.

    Args:
        now: Naive time in UTC.
    """
    present = [user for user in users if user.get("deleted_at") is None]
    figures = {name: _judged(judge, present) for name, judge in judges(edit=edit, now=now).items()}
    return figures | {name: _grouped(value, present) for name, value in UNIQUE.items()}


def _judged(judge: Judge, users: Iterable[User]) -> Figures:
    found = Figures()
    for user in users:
        result = judge(user)
        found.users += 1
        found.not_evaluated += result is Result.NOT_EVALUATED
        found.not_concerned += result is Result.NOT_CONCERNED
        if result is Result.VIOLATED:
            found.violating.add(user["_id"])
    return found


def _grouped(value_of: Callable[[User], str | None], users: Iterable[User]) -> Figures:
    found, groups = Figures(), defaultdict(set)
    for user in users:
        value = value_of(user)
        found.users += 1
        if value is None:
            found.not_concerned += 1
        else:
            groups[value].add(user["_id"])
    found.groups = dict(groups)
    found.violating = {user_id for group in groups.values() if len(group) > 1 for user_id in group}
    return found


def judges(*, edit: int, now: datetime) -> Mapping[str, Judge]:
    """Return the rules that need no other user."""
    letter = forbidden_letter(edit)
    return {
        "first_name_present": lambda user: _holds(_is_text(user.get("first_name"))),
        "last_name_present": lambda user: _holds(_is_text(user.get("last_name"))),
        "preferences_complete": _preferences_complete,
        "profile_complete": lambda user: _holds(
            all(_is_text(_profile(user).get(name)) for name in ("avatar", "bio", "location"))
        ),
        "email_valid": lambda user: _holds(
            isinstance(user.get("email"), str) and ADDRESS.fullmatch(user["email"]) is not None
        ),
        "status_known": lambda user: _holds(user.get("status") in ["active", "inactive", "suspended"]),
        "avatar_is_web_address": _avatar_is_web_address,
        "status_follows_sources": _status_follows_sources,
        "times_in_order": _times_in_order,
        "written_by_the_model": _written_by_the_model,
        "updated_lately": lambda user: _not_before(user.get("updated_at"), now - timedelta(days=STALE_DAYS)),
        "registered_lately": lambda user: _not_before(
            user.get("created_at"), now - timedelta(days=REGISTERED_DAYS)
        ),
        "staff_has_location": _staff_has_location,
        "last_name_form": lambda user: _last_name_form(user, letter),
        "language_known": _language_known,
    }


def _holds(holds: bool) -> Result:
    return Result.HOLDS if holds else Result.VIOLATED


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _profile(user: User) -> dict[str, Any]:
    profile = user.get("profile")
    return profile if isinstance(profile, dict) else {}


def _preferences(user: User) -> dict[str, Any]:
    preferences = _profile(user).get("preferences")
    return preferences if isinstance(preferences, dict) else {}


def _preferences_complete(user: User) -> Result:
    chosen = _preferences(user)
    return _holds(
        isinstance(chosen.get("notifications"), bool)
        and chosen.get("theme") in ["light", "dark"]
        and _is_text(chosen.get("language"))
    )


def _avatar_is_web_address(user: User) -> Result:
    avatar = _profile(user).get("avatar")
    if not _is_text(avatar):
        return Result.NOT_CONCERNED
    return _holds(WEB_ADDRESS.fullmatch(avatar) is not None)


def _status_follows_sources(user: User) -> Result:
    identities = user.get("identities")
    if not isinstance(identities, list):
        return Result.NOT_CONCERNED
    if any(not isinstance(each, dict) or "key" not in each for each in identities):
        return Result.NOT_EVALUATED
    is_local = [str(each["key"]).startswith("local:") for each in identities]
    if all(is_local):
        return Result.NOT_CONCERNED
    if any(is_local) or any(each.get("deleted_at") is None for each in identities):
        return Result.HOLDS
    return _holds(user.get("status") == "inactive")


def _times_in_order(user: User) -> Result:
    created_at, updated_at = user.get("created_at"), user.get("updated_at")
    if not isinstance(created_at, datetime) or not isinstance(updated_at, datetime):
        return Result.NOT_EVALUATED
    return _holds(created_at <= updated_at)


def _written_by_the_model(user: User) -> Result:
    version, identities = user.get("version"), user.get("identities")
    return _holds(
        isinstance(version, int)
        and not isinstance(version, bool)
        and all(isinstance(user.get(name), datetime) for name in ("created_at", "updated_at"))
        and isinstance(identities, list)
        and all(isinstance(each, dict) and isinstance(each.get("key"), str) for each in identities)
        and all(_is_list_of_texts(user.get(name)) for name in ("roles", "tags"))
        and isinstance(user.get("profile"), dict)
    )


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _not_before(time: object, limit: datetime) -> Result:
    return _holds(time >= limit) if isinstance(time, datetime) else Result.NOT_EVALUATED


def _staff_has_location(user: User) -> Result:
    roles = user.get("roles")
    if roles != "staff" and not (isinstance(roles, list) and "staff" in roles):
        return Result.NOT_CONCERNED
    location = _profile(user).get("location")
    return _holds(_is_text(location) if isinstance(location, str) else location not in (None, []))


def _last_name_form(user: User, letter: str) -> Result:
    name = user.get("last_name")
    if not _is_text(name):
        return Result.NOT_CONCERNED
    return _holds(letter not in str(name))


def _language_known(user: User) -> Result:
    language = _preferences(user).get("language")
    if language is None or language == [] or (isinstance(language, str) and not language.strip()):
        return Result.NOT_CONCERNED
    words = language if isinstance(language, list) else [language]
    return _holds(all(each in list(KNOWN_LANGUAGES) for each in words))


def _mailbox(user: User) -> str | None:
    email = user.get("email")
    if not isinstance(email, str) or "@" not in email:
        return None
    name, domain = email.strip().lower().rsplit("@", 1)
    name = name.split("+")[0] or name
    return f"{name.replace('.', '')}@gmail" if domain in {"gmail.com", "googlemail.com"} else f"{name}@{domain}"


def _person(user: User) -> str | None:
    parts = (user.get("first_name"), user.get("last_name"), _profile(user).get("location"))
    return _folded(" ".join(parts)) if all(map(_is_text, parts)) else None  # type: ignore[arg-type]  # texts


def _bio(user: User) -> str | None:
    bio = _profile(user).get("bio")
    return _folded(str(bio)) if _is_text(bio) else None


def _folded(text: str) -> str:
    """Leave out case, accents and repeated white space."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).lower().split())


UNIQUE: Final[Mapping[str, Callable[[User], str | None]]] = {
    "mailbox_unique": _mailbox,
    "person_unique": _person,
    "bio_unique": _bio,
}

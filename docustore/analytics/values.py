"""The values of a user in each dimension, for a user that Python holds. Pure.

`docustore.analytics.expressions` states the same rules for the server. They accept any value of any client.
"""

from collections.abc import Mapping
from typing import Any, Final

from bson import DBRef

from docustore.analytics.marts import counted_status
from docustore.users.field_types import MAX_LABELS
from docustore.users.identities import LOCAL_SOURCE
from docustore.users.profile import Theme

NONE: Final = "none"
OTHER: Final = "other"
MAX_VALUE_BYTES: Final = 256
# The first elements of a list count; the others are one `other`. No client of docustore writes more.
MAX_ELEMENTS: Final = MAX_LABELS
COMPLETING: Final = ("avatar", "bio", "location")

User = Mapping[str, Any]
Values = tuple[str, ...]

# A character has at most four bytes, so a text of so many characters needs no measuring.
_SURELY_SHORT: Final = MAX_VALUE_BYTES // 4
_ONLY_NONE: Final = (NONE,)
_ONLY_OTHER: Final = (OTHER,)
_ONLY_LOCAL: Final = (LOCAL_SOURCE,)
_THEMES: Final = frozenset({*(theme.value for theme in Theme), NONE})
_COMPLETENESS: Final = tuple((str(number),) for number in range(len(COMPLETING) + 1))
_EMPTY: Final[Mapping[str, Any]] = {}


def status_of(user: User) -> Values:
    """Return the status; a missing one is active, an unknown one `other`."""
    return (counted_status(user),)


def sources_of(user: User) -> Values:
    """Return the upstream systems that know the user; `local` without any."""
    identities = user.get("identities")
    if type(identities) is not list:
        return _ONLY_LOCAL
    found = {_source(entry) for entry in identities[:MAX_ELEMENTS]} - {LOCAL_SOURCE, ""}
    if len(identities) > MAX_ELEMENTS:
        found.add(OTHER)
    return _in_order(found) if found else _ONLY_LOCAL


def _source(entry: object) -> str:
    key = _document(entry).get("key")
    source = key.partition(":")[0] if type(key) is str else LOCAL_SOURCE
    return source if _is_short(source) else OTHER


def location_of(user: User) -> Values:
    """Return the location of the profile."""
    return (_text(_document(user.get("profile")).get("location")),)


def language_of(user: User) -> Values:
    """Return the language of the preferences."""
    return (_text(_preferences(user).get("language")),)


def theme_of(user: User) -> Values:
    """Return the theme of the preferences."""
    theme = _text(_preferences(user).get("theme"))
    return (theme,) if theme in _THEMES else _ONLY_OTHER


def roles_of(user: User) -> Values:
    """Return the roles."""
    return _labels(user.get("roles"))


def tags_of(user: User) -> Values:
    """Return the tags."""
    return _labels(user.get("tags"))


def completeness_of(user: User) -> Values:
    """Return how many of `COMPLETING` the profile has."""
    profile = _document(user.get("profile"))
    return _COMPLETENESS[sum(type(value := profile.get(name)) is str and value != "" for name in COMPLETING)]


def email_domain_of(user: User) -> Values:
    """Return what follows the last `@` of the address."""
    email = user.get("email")
    if type(email) is not str or not email:
        return (_text(email),)
    _, separator, domain = email.rpartition("@")
    return (_text(domain),) if separator else _ONLY_OTHER


def _labels(value: object) -> Values:
    if type(value) is not list:
        return _ONLY_NONE if value is None else _ONLY_OTHER
    found = {each if type(each) is str and each and _is_short(each) else OTHER for each in value[:MAX_ELEMENTS]}
    if len(value) > MAX_ELEMENTS:
        found.add(OTHER)
    return _in_order(found) if found else _ONLY_NONE


def _in_order(found: set[str]) -> Values:
    return tuple(found) if len(found) == 1 else tuple(sorted(found))


def _text(value: object) -> str:
    # Not `isinstance`: the driver's `Code` is a text too, and no text for the server.
    if type(value) is str:
        if not value:
            return NONE
        return value if _is_short(value) else OTHER
    return NONE if value is None else OTHER


def _is_short(text: str) -> bool:
    return len(text) <= _SURELY_SHORT or len(text.encode()) <= MAX_VALUE_BYTES


def _document(value: object) -> Mapping[str, Any]:
    if type(value) is dict:
        return value
    # The driver reads a document with `$ref` and `$id` as a reference.
    return value.as_doc() if isinstance(value, DBRef) else _EMPTY


def _preferences(user: User) -> Mapping[str, Any]:
    return _document(_document(user.get("profile")).get("preferences"))

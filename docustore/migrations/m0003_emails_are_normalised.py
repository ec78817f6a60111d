"""E-mail addresses of other clients are stored in their normalised form. Pure.

Another client may write `Ada@Example.ORG`. The ETL and the API look users up by the normalised address, so they do
not find this user. The address as it was is kept in `migrated.0003`; `down` puts it back.

A user whose normalised address belongs to another user stays as it is and is listed as a conflict. To merge the
two by ADR 0004 would remove one of them with its id and password, which no migration may decide.
"""

from typing import Any, Final

from docustore.migrations.migration import ConflictError, Migration, Phase, RawDocument, Step
from docustore.users.email import EmailMalformedError, normalise_email
from docustore.users.search_terms import search_terms

_LABEL: Final = "0003"
# The common form of a normalised address. Other normalised addresses are read too, and left as they are.
_NORMALISED: Final = (
    r"^(?=.{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?=.{4,253}\z)(?:[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,62}\.)+[a-z]{2,63}\z"
)


def up(user: RawDocument) -> RawDocument | None:
    """Normalise the address.

    Raises:
        ConflictError: The address is malformed.
    """
    given = user.get("email")
    if not isinstance(given, str):
        return None
    email = _normalised(given)
    if email is None:
        raise ConflictError("email_malformed")
    if email == given:
        return None
    before = {"email": given, **_present(user, "schema_version")}
    migrated = {**_migrated(user), _LABEL: before}
    return {**_with_email(user, email), "migrated": migrated}


def down(user: RawDocument) -> RawDocument | None:
    """Put the address back as it was, unless the user got another one since."""
    migrated = _migrated(user)
    before = migrated.pop(_LABEL, None)
    if before is None:
        return None
    restored: dict[str, Any] = {**user, "migrated": migrated}
    if not migrated:
        del restored["migrated"]
    if user.get("email") != _normalised(before["email"]):
        return restored
    return {**_with_email(restored, before["email"]), **_present(before, "schema_version")}


def _with_email(user: RawDocument, email: str) -> dict[str, Any]:
    changed: dict[str, Any] = {**user, "email": email}
    if "search_terms" in user:
        first_name, last_name = (str(user.get(name) or "") for name in ("first_name", "last_name"))
        changed["search_terms"] = search_terms(email=email, first_name=first_name, last_name=last_name)
    return changed


def _normalised(email: str) -> str | None:
    try:
        return normalise_email(email)
    except EmailMalformedError:
        return None


def _migrated(user: RawDocument) -> dict[str, Any]:
    return dict(user.get("migrated") or {})


def _present(document: RawDocument, name: str) -> dict[str, Any]:
    return {name: document[name]} if name in document else {}


MIGRATION: Final = Migration(
    number=3,
    name="emails_are_normalised",
    phase=Phase.MIGRATE,
    summary="e-mail addresses of other clients are normalised",
    reads=("email", "first_name", "last_name", "search_terms", "migrated"),
    writes=("email", "search_terms", "migrated"),
    unique=("email",),
    up=Step(pending={"email": {"$type": "string", "$not": {"$regex": _NORMALISED}}}, transform=up),
    down=Step(pending={f"migrated.{_LABEL}": {"$exists": True}}, transform=down),
)

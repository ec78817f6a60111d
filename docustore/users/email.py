"""Normalise and check e-mail addresses; no other module does this."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from docustore.users.field_types import MAX_EMAIL_CHARS

# The common case: a dot-atom local part of up to 64 characters, ASCII labels of up to 63. The expression is about
# 100 times faster than the full validator. It accepts no address that the validator refuses; a property test
# checks this.
_COMMON: Final = re.compile(
    r"(?=.{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,62}\.)+[a-z]{2,63}"
)
# Names such as `.local` and `.test` are real in user directories. The validator refuses them whatever its
# arguments. To shorten its list is the documented way to accept them.
SPECIAL_USE_DOMAIN_NAMES.clear()
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_LISTED: Final = re.compile(rf"(?:: |, )(?:{_QUOTED.pattern})")
# Composition (NFC) shortens an address by less than this factor. The full validator is slow for longer texts.
_MAX_RAW_CHARS: Final = 4 * MAX_EMAIL_CHARS


class EmailMalformedError(ValueError):
    """An address that cannot receive mail.

    The message gives the reason. It does not contain the address.
    """


def normalise_email(raw: str) -> str:
    """Return the form in which an address is stored and compared.

    Surrounding white space is removed. All letters are lower-cased, also in the local part, because directories
    spell one mailbox in many cases. Unicode is composed (NFC). The domain is in its Unicode form. Idempotent.

    Raises:
        EmailMalformedError: The address has no domain with a dot, has invalid characters, or is longer than 254
            characters.
    """
    email = raw.strip().lower()
    if len(email) <= MAX_EMAIL_CHARS and _COMMON.fullmatch(email):
        return email
    if len(email) > _MAX_RAW_CHARS:
        raise EmailMalformedError(f"the address is longer than {MAX_EMAIL_CHARS} characters")
    return _normalise_uncommon(email)


def ascii_form(email: str) -> str | None:
    """Return the form of a normalised address that every mail server takes.

    None if the part before the @ is not ASCII: few mail servers take it.
    """
    if email.isascii():
        return email
    return validate_email(email, check_deliverability=False, globally_deliverable=False).ascii_email


@lru_cache(maxsize=4096)
def _normalise_uncommon(email: str) -> str:
    try:
        # globally_deliverable=False: intranet domains are accepted.
        valid = validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as exc:
        raise EmailMalformedError(_without_address(str(exc))) from exc
    if "." not in valid.domain:
        raise EmailMalformedError("the domain has no dot; use a full domain name such as example.org")
    return unicodedata.normalize("NFC", valid.normalized.lower())


def _without_address(message: str) -> str:
    """Return the validator's reason without the quoted parts of the address."""
    return _QUOTED.sub("…", _LISTED.sub("", message))

"""The one place where an e-mail address is normalised and judged."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from docustore.users.field_types import MAX_EMAIL_CHARS

# The common case, about 100 times faster than the full validator: dot-atom local part of up to 64 characters,
# ASCII labels of up to 63. It accepts nothing that the validator refuses (a property test holds it to that).
_COMMON: Final = re.compile(
    r"(?=.{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,62}\.)+[a-z]{2,63}"
)
# Composing (NFC) makes an address shorter, by less than this. What is longer would be looked at for long.
_MOST_CHARS: Final = 4 * MAX_EMAIL_CHARS


class EmailMalformedError(ValueError):
    """An address that cannot receive mail; the message says why, without the address."""


def normalise_email(raw: str) -> str:
    """Return the form under which an address is stored and compared.

    Surrounding white space is dropped, letters are lower-cased (local part too: directories spell one mailbox
    in many cases), Unicode is composed (NFC) and the domain is in its Unicode form. Idempotent.

    Raises:
        EmailMalformedError: No domain with a dot, bad characters, or longer than 254 characters.
    """
    email = raw.strip().lower()
    if len(email) <= MAX_EMAIL_CHARS and _COMMON.fullmatch(email):
        return email
    if len(email) > _MOST_CHARS:
        raise EmailMalformedError("the address is too long")
    return _normalise_uncommon(email)


@lru_cache(maxsize=4096)
def _normalise_uncommon(email: str) -> str:
    try:
        # globally_deliverable=False: intranet domains such as `.local` are real in user directories.
        valid = validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as exc:
        raise EmailMalformedError(_without_address(str(exc))) from exc
    if "." not in valid.domain:
        raise EmailMalformedError("the domain has no dot")
    return unicodedata.normalize("NFC", valid.normalized.lower())


def _without_address(message: str) -> str:
    """Keep the validator's reason, drop what it quotes of the address."""
    return re.sub(r"'[^']*'", "…", message)

"""Mask secrets in the text of a record before it is stored. Pure.

A directory may send password hashes and tokens that docustore never reads. Nested fields are masked too. A text
that is not JSON is masked as far as its keys can be recognised.
"""

import re
from typing import Any, Final

import msgspec

MASK: Final = "***"
# Letters of a field's name that make it secret, in any spelling: `passwordHash`, `API-Token`, `client_secret`.
_SECRET_PARTS: Final = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "motdepasse",
    "contrasena",
    "contraseña",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
)
_SECRET_NAMES: Final = frozenset({"pass", "pw", "pin", "otp", "hash", "salt"})
_NOT_A_LETTER: Final = re.compile(r"[\W_]+")
# A quoted key, and the start of its value: a text, also one that is not closed, an array or object, or a word.
_KEY_AND_VALUE: Final = re.compile(r'"((?:[^"\\]|\\.){1,200})"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[\[{]|[^\s,}\]]+)')


def is_secret(name: str) -> bool:
    """Tell whether a field of this name can hold a password, token or key."""
    letters = _NOT_A_LETTER.sub("", name.casefold())
    return letters in _SECRET_NAMES or any(part in letters for part in _SECRET_PARTS)


def masked(text: str) -> str:
    """Replace the values of secret fields by `***`, if there are any."""
    try:
        clean, has_secrets = _masked_value(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _masked_by_keys(text)
    return msgspec.json.encode(clean).decode() if has_secrets else text


def _masked_value(value: Any) -> tuple[Any, bool]:
    if isinstance(value, list):
        parts = [_masked_value(part) for part in value]
        return [part for part, _ in parts], any(found for _, found in parts)
    if not isinstance(value, dict):
        return value, False
    fields, has_secrets = {}, False
    for name, given in value.items():
        if given and is_secret(name):
            fields[name], has_secrets = MASK, True
        else:
            fields[name], found = _masked_value(given)
            has_secrets = has_secrets or found
    return fields, has_secrets


def _masked_by_keys(text: str) -> str:
    parts: list[str] = []
    at = 0
    for found in _KEY_AND_VALUE.finditer(text):
        if not is_secret(found.group(1)):
            continue
        parts += [text[at : found.start(3)], f'"{MASK}"']
        at = found.end(3)
        if found.group(3) in "[{":
            # The end of the value is not known, so the rest is left out.
            return "".join(parts)
    return "".join([*parts, text[at:]])

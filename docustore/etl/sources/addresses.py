"""Name a source after its address, and compare addresses without secrets. Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

from docustore.users.identities import LOCAL_SOURCE

MAX_NAME_CHARS: Final = 63
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9]+")


def name_from(text: str) -> str:
    """Turn a text into the name of a source; empty if nothing can be used."""
    name = _NOT_IN_A_NAME.sub("-", text.lower()).strip("-")[:MAX_NAME_CHARS].strip("-")
    return "" if name == LOCAL_SOURCE else name


def host_name(address: str) -> str:
    """Name a system after its host and port: `crm-example-org-8443`."""
    return name_from(urlsplit(address).netloc.rpartition("@")[2])


def place_without_secrets(address: str) -> str:
    """Return scheme, host and path of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"

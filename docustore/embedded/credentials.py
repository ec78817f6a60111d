"""Random credentials of the embedded servers, one set for each data folder.

They are in `secrets/credentials.json` in the data folder. The files beside it are made from it at each start of a
server. Deleting the file is safe: the next start makes new passwords and gives them to the servers.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import structlog

from docustore.embedded.private_files import FILE_MODE, make_private_folder, write_private

FOLDER: Final = "secrets"
FILE_NAME: Final = "credentials.json"
SERVICE_USER: Final = "docustore"
ROOT_USER: Final = "root"
PASSWORD_BYTES: Final = 24
# mongod accepts keys of 6 to 1024 characters.
KEY_BYTES: Final = 192

log = structlog.get_logger()


def _password() -> str:
    """Return letters and digits only, because passwords are part of URLs."""
    return secrets.token_hex(PASSWORD_BYTES)


def _key() -> str:
    return secrets.token_hex(KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The secrets of one data folder; their text never appears in a `repr`."""

    mongodb_password: str = field(default_factory=_password, repr=False)
    """Of the account of the service."""
    mongodb_root_password: str = field(default_factory=_password, repr=False)
    """Of the account for the owner of the folder."""
    valkey_password: str = field(default_factory=_password, repr=False)
    mongodb_key: str = field(default_factory=_key, repr=False)
    """Key of the replica set. Only the supervisor uses it."""


def folder_credentials(data_dir: Path) -> Credentials:
    """Return the credentials of the folder; make them when there are none.

    A damaged file is replaced, because the owner of the folder can make new credentials anyway. Hold the lock of
    the folder.

    Raises:
        OSError: The file cannot be read or written.
    """
    folder = data_dir / FOLDER
    make_private_folder(folder)
    path = folder / FILE_NAME
    if (stored := _stored(path)) is not None:
        path.chmod(FILE_MODE)
        return stored
    credentials = Credentials()
    write_private(path, json.dumps(asdict(credentials), indent=2) + "\n")
    return credentials


def _stored(path: Path) -> Credentials | None:
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        document = None
    if _is_complete(document):
        return Credentials(**document)
    log.warning(
        "embedded.credentials_replaced",
        path=str(path),
        reason="the file was damaged: the embedded servers get new passwords; read them in the new file",
    )
    return None


def _is_complete(document: Any) -> bool:
    names = {each.name for each in fields(Credentials)}
    return (
        isinstance(document, Mapping)
        and set(document) == names
        and all(isinstance(value, str) and value.isalnum() and value.isascii() for value in document.values())
    )

"""Settings as the environment of a child process."""

import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from docustore.config import Settings

PREFIX: Final = "DOCUSTORE_"


def child_environment(settings: Settings) -> dict[str, str]:
    """Return our environment, with every setting that was set made explicit.

    A child that reads it has equal settings, also when our command line changed some.
    """
    explicit = {name: getattr(settings, name) for name in settings.model_fields_set}
    variables = {
        f"{PREFIX}{name.upper()}": _as_text(value) for name, value in explicit.items() if value is not None
    }
    return {**os.environ, **variables}


def _as_text(value: Any) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _plain(value: Any) -> Any:
    """Turn a setting into JSON types, with secrets in clear text for the child."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in value.model_fields_set}
        case dict():
            return {key: _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case _:
            return value

"""Settings as the environment of a child process."""

import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from docustore.config import Settings

PREFIX: Final = "DOCUSTORE_"


def child_environment(settings: Settings) -> dict[str, str]:
    """Return our own environment with every setting that differs from its default made explicit.

    A child that reads its settings from it gets equal ones, whatever a command line changed in ours.
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
    """Turn a setting into what JSON can hold, secrets in clear: the child needs them."""
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

"""Secrets that the settings only name: `env:NAME` or `file:PATH`.

They are read when a source is opened. A missing secret then fails the runs of one source, not the whole service.
"""

import os
import re
from pathlib import Path
from typing import Final

from docustore.errors import ConfigurationError

_REFERENCE: Final = re.compile(r"(env|file):(?!//)(.+)", re.DOTALL)


def is_reference(text: str) -> bool:
    """Tell whether a value names a secret; `file://` starts an address."""
    return _REFERENCE.fullmatch(text) is not None


def revealed(text: str, *, setting: str) -> str:
    """Return a value, or the secret that it names, without white space at its end.

    Raises:
        ConfigurationError: The variable is not set, or the file cannot be read.
    """
    reference = _REFERENCE.fullmatch(text)
    if reference is None:
        return text
    form, name = reference.groups()
    if form == "env":
        if not (value := os.environ.get(name, "")):
            raise ConfigurationError(setting=setting, problem=f"the environment variable {name} is not set")
        return value
    try:
        value = Path(name).read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as exc:
        problem = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigurationError(setting=setting, problem=f"cannot read {name}: {problem}") from exc
    if not value:
        raise ConfigurationError(setting=setting, problem=f"the file {name} is empty")
    return value

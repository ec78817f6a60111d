"""The configuration file.

It is `docustore.toml` in the working directory, or the one that `DOCUSTORE_CONFIG` names.
"""

import os
from pathlib import Path
from typing import Any, Final

from pydantic_settings import TomlConfigSettingsSource

from docustore.errors import ConfigurationError

CONFIG_FILE_VARIABLE: Final = "DOCUSTORE_CONFIG"
DEFAULT_CONFIG_FILE: Final = "docustore.toml"


class TomlFile(TomlConfigSettingsSource):
    """The TOML file, for settings that have no value from an earlier source.

    pydantic-settings would merge tables: a child process would add the sources of the file to those of its parent.
    """

    def __call__(self) -> dict[str, Any]:
        """Return the values of the file by setting."""
        return {name: value for name, value in super().__call__().items() if name not in self.current_state}


def config_file() -> Path:
    """Return the path of the configuration file, which may be missing."""
    return Path(os.environ.get(CONFIG_FILE_VARIABLE, DEFAULT_CONFIG_FILE))


def refuse_missing_config_file() -> None:
    """Refuse a path in the environment that is no file.

    Raises:
        ConfigurationError: There is no such file.
    """
    path = os.environ.get(CONFIG_FILE_VARIABLE)
    if path is not None and not Path(path).is_file():
        raise ConfigurationError(
            setting=CONFIG_FILE_VARIABLE, problem=f"no file at {path}; correct the path or unset the variable"
        )

"""Read the settings, once in each entry point, and name an invalid one."""

from typing import Annotated

from pydantic import ValidationError
from pydantic_settings import SettingsError

from docustore.config import Settings
from docustore.config_file import refuse_missing_config_file
from docustore.errors import ConfigurationError
from docustore.setting_errors import setting_sentence
from docustore.source_settings import SourceSettings

Overrides = Annotated[object, "the value of a setting, validated like a value of the environment"]


def load_settings(**overrides: Overrides) -> Settings:
    """Read the settings from the environment and `docustore.toml`.

    Args:
        overrides: Settings from a command line; None does not override.

    Raises:
        ConfigurationError: A setting is invalid or unknown; the error names it and the reason.
    """
    refuse_missing_config_file()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic parses them
    except ValidationError as exc:
        raise configuration_error(exc) from exc
    except SettingsError as exc:
        raise _malformed_variable(exc) from exc
    except ValueError as exc:  # malformed TOML
        raise ConfigurationError(setting="configuration", problem=str(exc)) from exc


def configuration_error(error: ValidationError, *, within: str | None = None) -> ConfigurationError:
    """Return an error that names the first invalid setting and the reason.

    The error never contains the value.

    Args:
        within: The setting whose parts were validated.
    """
    first = error.errors()[0]
    path = [within, *first["loc"]] if within else list(first["loc"])
    name = ".".join(map(str, path)) or "settings"
    # Below `sources` stand the name of a source and its settings.
    is_of_source = within is not None or path[0:1] == ["sources"]
    names = SourceSettings.model_fields if is_of_source else Settings.model_fields if len(path) == 1 else ()
    return ConfigurationError(setting=name, problem=setting_sentence(first, names=names))


def _malformed_variable(error: SettingsError) -> ConfigurationError:
    # The only place where the library names the field is its text.
    name = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), None)
    setting = "environment" if name is None else f"DOCUSTORE_{name.upper()}"
    return ConfigurationError(setting=setting, problem='must be JSON, such as ["one", "two"] for a list')

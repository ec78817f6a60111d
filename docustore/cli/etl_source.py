"""The source that a command line names: a configured one, a path or an address."""

from typing import Final

from docustore.config import Settings
from docustore.errors import ConfigurationError
from docustore.etl.sources.registry import source_by_address
from docustore.source_settings import SourceSettings, is_source_name

DEFAULT_REQUIRED: Final = ("email", "first_name", "last_name")


def given_source(
    settings: Settings, given: str, *, required: tuple[str, ...], name: str | None = None
) -> tuple[str, SourceSettings, str | None]:
    """Find the source that a person names.

    Returns:
        Its name, its settings, and the name that its address alone gives (None for a configured source).

    Raises:
        ConfigurationError: It is not configured, or the options do not fit.
    """
    if given in settings.sources:
        if required or name:
            raise ConfigurationError(
                setting=f"sources.{given}",
                problem="--required and --as are for paths and addresses; change the settings instead",
            )
        return given, settings.sources[given], None
    if "://" not in given and "/" not in given and "." not in given:
        known = ", ".join(sorted(settings.sources)) or "none"
        raise ConfigurationError(
            setting=f"sources.{given}",
            problem=f"not configured (configured: {known}); or give a path or an address",
        )
    default_name, source = source_by_address(given, required=required or DEFAULT_REQUIRED)
    if name is not None:
        require_source_name(name)
    return name or default_name, source, default_name


def require_source_name(name: str) -> None:
    """Refuse a name that no source may have.

    Raises:
        ConfigurationError: The name is malformed or reserved.
    """
    if not is_source_name(name):
        raise ConfigurationError(setting="--as", problem="use a-z, 0-9, - and _, and not `local`")

"""Load a module that needs a package of an optional extra."""

from importlib import import_module
from types import ModuleType

from docustore.errors import ConfigurationError


def extra_module(name: str, *, extra: str, setting: str) -> ModuleType:
    """Import a module that needs an extra.

    Args:
        setting: What asked for the module, for the message.

    Raises:
        ConfigurationError: A package of the extra is not installed; the message names the extra.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            setting=setting,
            problem=f"the package {exc.name} is missing; install docustore[{extra}] (in a clone: `make setup`)",
        ) from exc

"""The strength of the admin key in the settings.

People choose this key, so a short one may be guessed.
"""

from ipaddress import ip_address
from typing import Final

import structlog

from docustore.config import Settings
from docustore.errors import ConfigurationError

MIN_CHARS: Final = 32
NEW_KEY_COMMAND: Final = "openssl rand -hex 32"

log: Final = structlog.get_logger()


def require_strong_admin_key(settings: Settings) -> None:
    """Refuse a short admin key, unless the API listens on loopback only.

    Raises:
        ConfigurationError: The key is too short.
    """
    if has_short_admin_key(settings) and not is_loopback(settings.host):
        problem = (
            f"shorter than {MIN_CHARS} characters, and the API listens on {settings.host}: "
            f"use the output of `{NEW_KEY_COMMAND}`, or unset it and create keys with `docustore keys create`"
        )
        raise ConfigurationError(setting="DOCUSTORE_ADMIN_KEY", problem=problem)


def warn_of_short_admin_key(settings: Settings) -> None:
    """Log a warning if the admin key is short."""
    if has_short_admin_key(settings):
        log.warning("admin_key.short", min_chars=MIN_CHARS, next_step=f"use the output of `{NEW_KEY_COMMAND}`")


def has_short_admin_key(settings: Settings) -> bool:
    """Tell whether the settings have an admin key that is too short."""
    return settings.admin_key is not None and len(settings.admin_key.get_secret_value()) < MIN_CHARS


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the host.

    When in doubt, False.
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

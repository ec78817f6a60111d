"""Check of the admin key in the settings."""

from docustore.cli.checks.finding import Finding, failed, ok, warning
from docustore.config import Settings
from docustore.security.admin_key import NEW_KEY_COMMAND, has_short_admin_key, is_loopback

CHECK = "admin key"


def admin_key_finding(settings: Settings) -> Finding:
    """Tell whether the admin key is long enough for the API's address."""
    if not has_short_admin_key(settings):
        return ok(CHECK, "long enough")
    next_step = f"set DOCUSTORE_ADMIN_KEY to the output of `{NEW_KEY_COMMAND}`"
    if is_loopback(settings.host):
        return warning(CHECK, "short; accepted only because the API listens on loopback", next_step=next_step)
    return failed(CHECK, "too short; the API refuses to start", next_step=next_step)

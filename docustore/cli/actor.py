"""Who is at the command line."""

import getpass


def account() -> str:
    """Return the name of the account, `unknown` if it has none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def actor() -> str:
    """Name the person at the command line, for the audit log."""
    return f"cli:{account()}"

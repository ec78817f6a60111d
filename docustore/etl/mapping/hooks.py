"""Functions of other packages that finish the mapping of a record.

A package offers a function by an entry point of the group `docustore.mappings`. The function gets a record as a
dict, after the table `map` was applied, and returns it as a dict with docustore's own field names.
"""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

GROUP: Final = "docustore.mappings"

Hook = Callable[[dict[str, Any]], dict[str, Any]]


class FieldRejectedError(Exception):
    """A hook cannot map a record; it names the field and the reason.

    The reason is shown to people. It must not contain the value.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class ReadRecord(dict[str, Any]):
    """A record that remembers the key that was read last.

    The error of a hook can so name the key.
    """

    last_key: str | None = None

    def __getitem__(self, key: str) -> Any:
        self.last_key = key
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Read a key that may be missing."""
        self.last_key = key
        return super().get(key, default)


def check_hook(name: str) -> None:
    """Refuse a hook that no installed package offers.

    Raises:
        ValueError: The message names the hooks that are installed.
    """
    _entry_point(name)


def load_hook(name: str) -> tuple[Hook, str]:
    """Import a hook.

    Returns:
        The function, and the version of its package.

    Raises:
        ValueError: No installed package offers it, its module cannot be imported, or it is no function.
    """
    found = _entry_point(name)
    try:
        hook = found.load()
    except Exception as exc:  # the module of another package may raise anything
        msg = f"the hook {name} ({found.value}) cannot be imported: {type(exc).__name__}; correct its package"
        raise ValueError(msg) from exc
    if not callable(hook):
        msg = f"the hook {name} ({found.value}) is not a function; correct the entry point of its package"
        raise ValueError(msg)  # noqa: TRY004  # the setting is wrong, not a type of ours
    return hook, found.dist.version if found.dist else ""


def _entry_point(name: str) -> EntryPoint:
    installed = {found.name: found for found in entry_points(group=GROUP)}
    if name in installed:
        return installed[name]
    known = ", ".join(sorted(installed)) or "none"
    where = f"in the group {GROUP} (installed: {known})"
    msg = f"no installed package offers the hook {name} {where}; install its package"
    raise ValueError(msg)

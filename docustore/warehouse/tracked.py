"""The attributes whose changes make a new version of a user in `dim_user`. Pure."""

from collections.abc import Iterable
from typing import Final

from docustore.errors import ConfigurationError
from docustore.users.fields import FIELDS, UserField

_BY_NAME: Final = {field.name: field for field in FIELDS}


def tracked_fields(names: Iterable[str]) -> tuple[UserField, ...]:
    """Return the fields with these names, such as `profile.location`.

    Raises:
        ConfigurationError: A name is no field of a user, or is given twice.
    """
    given = tuple(names)
    unknown = [name for name in given if name not in _BY_NAME]
    if unknown or len(set(given)) < len(given) or not given:
        problem = f"{', '.join(unknown) or 'a name twice, or none'}; use names of {', '.join(_BY_NAME)}, each once"
        raise ConfigurationError(setting="DOCUSTORE_WAREHOUSE_TRACKED", problem=problem)
    return tuple(_BY_NAME[name] for name in given)

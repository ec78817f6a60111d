"""The views of a warehouse folder for DuckDB.

They are in the file `views.sql` beside the manifest. `dim_user` does in SQL what the view of the same name does in
MongoDB (`docustore.warehouse.timeline`).
"""

import os
from pathlib import Path
from typing import Final

from docustore.exports.columns import column_of
from docustore.users.fields import UserField
from docustore.users.profile import UserStatus
from docustore.warehouse.durable import sync_folder

VIEWS: Final = "views.sql"
_TEMPLATE: Final = Path(__file__).with_name("duckdb_views.sql")


def write_views(folder: Path, tracked: tuple[UserField, ...]) -> None:
    """Write the statements that create the views, for the tracked attributes."""
    part = folder / f"{VIEWS}.part"
    with part.open("w", encoding="utf-8") as stream:
        stream.write(views_sql(tracked))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / VIEWS)
    sync_folder(folder)


def views_sql(tracked: tuple[UserField, ...]) -> str:
    """Return the statements. They run in the folder of the manifest."""
    names = [column_of(field).name for field in tracked]
    attributes = ", ".join(f"'{name}': \"{name}\"" for name in names)
    more = "list_filter(coalesce(had_roles, []), lambda role: NOT list_contains(state.roles, role))"
    with_roles = f"struct_update(state, roles := list_concat(state.roles, {more}))"
    inactive = f"struct_update(newest.state, status := '{UserStatus.INACTIVE.value}')"
    text = _TEMPLATE.read_text(encoding="utf-8")
    for word, value in {
        "attributes": attributes,
        "with_roles": with_roles if "roles" in names else "state",
        "inactive": inactive if "status" in names else "newest.state",
    }.items():
        text = text.replace(f"/*{word}*/", value)
    return text

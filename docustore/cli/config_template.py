"""The text of a new `docustore.toml`, made from the settings. Pure.

It names all settings, because it is made from them.

Lines that start with `# ` are prose. Lines that start with `#` and a name are settings; without the `#`, they say
what counts without the file.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from docustore.config import Settings
from docustore.etl.proposal.toml_text import toml_line
from docustore.source_options.kind import SourceKind
from docustore.source_settings import SourceSettings, kinds_of

# The value of a setting that has no default; it must be replaced.
UNSET: Final = "..."
HEAD: Final = """\
# The settings of docustore. A line that is commented out shows the default. The environment overrides this file:
# DOCUSTORE_PORT overrides port."""
SOURCES_HEAD: Final = """\
# Your upstream systems: one table each. `docustore etl init FILE_OR_URL --write` adds one, with a mapping."""
# An example of each kind: its name, and its settings besides the kind.
EXAMPLES: Final[Mapping[SourceKind, tuple[str, Mapping[str, str]]]] = {
    SourceKind.FILE: ("hr", {"url": "/exports/people.csv"}),
    SourceKind.HTTP: ("crm", {"url": "https://crm.example.org/users", "token": "env:CRM_TOKEN"}),
    SourceKind.MONGODB: ("shop", {"url": "mongodb://shop.example.org/shop.customers", "modified": "updatedAt"}),
    SourceKind.SCIM: ("idp", {"url": "https://idp.example.org/scim/v2", "token": "env:IDP_TOKEN"}),
    SourceKind.SQL: ("payroll", {"url": "env:PAYROLL_URL", "table": "staff.people", "modified": "changed_on"}),
}


def config_template() -> str:
    """Write all settings with their defaults, and a source of each kind."""
    own = {name: field for name, field in Settings.model_fields.items() if name != "sources"}
    lines = [HEAD, "", *_settings(own), SOURCES_HEAD]
    for kind in SourceKind:
        name, settings = EXAMPLES[kind]
        table = {"kind": kind.value, **settings}
        lines += ["", f"#[sources.{name}]", *(f"#{toml_line(key, value)}" for key, value in table.items())]
    lines += ["", "# All other settings of a source, with their defaults:", "", *_settings(_other(SourceSettings))]
    return "\n".join(lines).rstrip() + "\n"


def _other(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {name: field for name, field in model.model_fields.items() if not field.is_required()}


def _settings(fields: dict[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        kinds = ", ".join(sorted(kinds_of(name)))
        yield f"# {kinds + ': ' if kinds else ''}{field.description}"
        yield f"#{toml_line(name, _default(field))}"
        yield ""


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return UNSET if default is None else to_jsonable_python(default, exclude_none=True)

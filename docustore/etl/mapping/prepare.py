"""Prepare the mapping of a source from its settings."""

from docustore.errors import ConfigurationError
from docustore.etl.mapping.hooks import load_hook
from docustore.etl.mapping.mapping import RecordMapping
from docustore.source_settings import SourceSettings


def mapping_of(name: str, source: SourceSettings) -> RecordMapping | None:
    """Prepare the mapping of a source; None if its records have our names.

    Raises:
        ConfigurationError: The hook cannot be imported.
    """
    if source.map_hook is None:
        return RecordMapping(source.map) if source.map else None
    try:
        hook, version = load_hook(source.map_hook)
    except ValueError as exc:
        raise ConfigurationError(setting=f"sources.{name}.map_hook", problem=str(exc)) from exc
    return RecordMapping(source.map, hook, hook_version=f"{source.map_hook} {version}")

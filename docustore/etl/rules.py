"""Make the rules for the records of a source from the settings."""

from datetime import UTC, datetime, timedelta

from docustore.config import Settings
from docustore.etl.mapping.prepare import mapping_of
from docustore.etl.transform import RecordRules
from docustore.source_settings import SourceSettings


def record_rules(name: str, source: SourceSettings, settings: Settings, *, observed_at: datetime) -> RecordRules:
    """Make the rules for records that were observed at a time."""
    max_ahead = timedelta(seconds=settings.etl_max_future_s)
    return RecordRules(
        source=name,
        required=source.required,
        observed_at=observed_at,
        latest=max(observed_at, datetime.now(UTC)) + max_ahead,
        max_record_bytes=settings.etl_max_record_bytes,
        mapping=mapping_of(name, source),
    )

"""Make the guards of an attempt at a run."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from docustore.database import Database
from docustore.etl.guards.brake import KINDS, Brake
from docustore.etl.guards.diff import Diff
from docustore.etl.guards.fields import FieldWatch
from docustore.etl.guards.gate import gate_of
from docustore.etl.guards.guards import Guards
from docustore.etl.guards.known import count_known
from docustore.etl.guards.sample import Sample
from docustore.etl.guards.seen import Seen
from docustore.etl.mapping.settings import keys_read
from docustore.etl.models import SOURCES, EtlRun
from docustore.etl.window import moves_watermark
from docustore.quality_settings import RuleSettings
from docustore.source_settings import SourceSettings


async def open_guards(
    database: Database,
    run: EtlRun,
    settings: SourceSettings,
    *,
    is_full_read: bool,
    sample_size: int,
    quality_rules: Mapping[str, RuleSettings],
) -> Guards:
    """Make the guards of an attempt at a run.

    Args:
        is_full_read: The run reads everything that the source has.
        sample_size: Written records that are read back at the end.
        quality_rules: The rules of the settings; only a quality gate needs them.

    Raises:
        ConfigurationError: The quality gate names a rule that cannot judge a record.
    """
    stored = await database[SOURCES].find_one({"_id": run.source}) or {}
    approval = run.approval
    is_by_hand = run.options.since is not None or run.options.until is not None
    return Guards(
        brake=Brake(
            settings.limits,
            before=_before(run, stored),
            approved=None if approval is None else approval.total,
            count_known=lambda: count_known(database, run.source),
        ),
        fields=FieldWatch(
            settings.new_fields,
            known=stored.get("fields"),
            approved=() if approval is None else approval.new_fields,
            mapped=keys_read(*settings.map.values()),
            usual=stored.get("usual_fields", ()),
        ),
        sample=None if run.options.dry_run else Sample(sample_size, Random()),  # noqa: S311  # no secret
        diff=Diff() if run.options.dry_run else None,
        gate=gate_of(
            settings.quality_gate,
            quality_rules,
            source=run.source,
            approved=None if approval is None else approval.quality,
        ),
        seen=Seen(database, run) if settings.deletes == "snapshot" and is_full_read and not is_by_hand else None,
    )


def _before(run: EtlRun, stored: Mapping[str, Any]) -> Counter[str]:
    """Count what earlier attempts of the run, and held runs before it, have changed."""
    counts = run.checkpoint.counts.model_dump()
    own: Counter[str] = Counter({kind: counts[kind] for kind in KINDS})
    held = stored.get("held") if moves_watermark(run.options) else None
    if held is None:
        return own
    return Counter(held["stored"]) if held["run_id"] == str(run.id) else own + Counter(held["stored"])

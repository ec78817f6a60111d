"""Checks of the change listener: server, owner, position, gaps and dead letters."""

from collections.abc import Iterator, Mapping

from pymongo.errors import PyMongoError

from docustore.changes.position import ListenerState
from docustore.changes.requirements import compatibility_version, is_compatible
from docustore.changes.status import ChangeStatus, change_status
from docustore.cli.checks.finding import Finding, failed, not_read, ok, skipped, warning
from docustore.config import Settings
from docustore.database import connect
from docustore.effect_states import BuildState, EffectState, load_effect_states


async def changes_findings(settings: Settings) -> list[Finding]:
    """Check that changes can be followed, and are followed."""
    try:
        async with connect(settings, app_name="docustore-doctor") as database:
            version = await compatibility_version(database)
            found = [_version_finding(version)]
            if version is None or is_compatible(version):
                found += listener_findings(await change_status(database))
                found.append(effects_finding(await load_effect_states(database)))
    except PyMongoError as exc:
        return [not_read("listener", exc)]
    return found


def _version_finding(version: str | None) -> Finding:
    if version is None:
        return skipped("feature compatibility", "may not be read by this user")
    if is_compatible(version):
        return ok("feature compatibility", version)
    return failed(
        "feature compatibility",
        version,
        next_step='run db.adminCommand({setFeatureCompatibilityVersion: "6.0"}) once all members run 6.0',
    )


def listener_findings(status: ChangeStatus) -> Iterator[Finding]:
    """Judge the status of the listener. Pure."""
    yield _owner_finding(status)
    yield _position_finding(status)
    if status.unaccepted_gaps:
        yield warning(
            "gaps",
            f"{status.unaccepted_gaps} that no person has accepted",
            next_step="see `docustore changes gaps` for what may be missing, then accept each: --accept ID",
        )
    else:
        yield ok("gaps", f"{status.gaps} on record, all accepted" if status.gaps else "none")
    if status.dead_letters:
        yield warning(
            "dead letters",
            f"{status.dead_letters} open",
            next_step="run `docustore changes dead-letters`, then replay or skip them",
        )
    else:
        yield ok("dead letters", "none")
    for sentence in status.warnings:
        yield warning("changes", sentence, next_step="see the sentence")


def effects_finding(states: Mapping[str, EffectState]) -> Finding:
    """Judge the states of the effects. Pure."""
    for name, state in states.items():
        if state.state is BuildState.FAILED:
            return failed(
                "effects",
                f"{name} failed: {state.error}",
                next_step=f"correct the fault, then run `docustore changes rebuild {name}`",
            )
    if building := sorted(name for name, state in states.items() if not state.is_live):
        return warning("effects", f"building: {', '.join(building)}", next_step="see `docustore changes effects`")
    return ok("effects", f"{len(states)} live")


def _owner_finding(status: ChangeStatus) -> Finding:
    if status.last_error is not None:
        return failed(
            "listener", status.last_error.message, next_step="follow the sentence, or see the listener's log"
        )
    if status.state is ListenerState.PAUSED:
        return warning("listener", "paused", next_step="run `docustore changes resume`")
    if status.owner is None:
        return warning("listener", _without_owner(status), next_step="start one: `docustore listener`, or `up`")
    return ok("listener", status.owner)


def _without_owner(status: ChangeStatus) -> str:
    missing = [str(part.partition) for part in status.partitions if part.owner is None]
    if len(missing) == len(status.partitions):
        return "none holds the lease"
    return f"none holds the lease of partition {', '.join(missing)}"


def _position_finding(status: ChangeStatus) -> Finding:
    if status.state is ListenerState.LOST:
        return failed(
            "change position",
            "the oplog no longer reaches back to it",
            next_step="start the listener (policy snapshot), or run `docustore changes reset --to snapshot`",
        )
    lag = "lag unknown" if status.lag_s is None else f"{status.lag_s:.1f} s behind"
    return ok("change position", f"{status.state.value}, {'caught up' if status.is_caught_up else lag}")

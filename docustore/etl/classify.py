"""Decide how a batch of valid records changes the stored users. Pure.

The records are applied one after another to the users in memory, by the rules of `docustore.users.identities`. The
plan is the difference between before and after, with at most one write per user. Users that exchange identities
are one move, which is written in one transaction. So the size of a batch and the order of its records can change
the number of writes, but not the result.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from docustore.etl.connected import connected
from docustore.etl.entries import entry_of, has_all_rivals, of_mapping, present, with_rivals
from docustore.etl.group import Group, move_of, writes_of
from docustore.etl.late import late_versions
from docustore.etl.plan import BatchPlan, LateVersion, Outcome
from docustore.etl.remapped import is_end_of_other_mapping, is_replaced, is_revived
from docustore.etl.transform import UserRecord
from docustore.users.fields import HASH_VERSION
from docustore.users.identities import (
    IdentityEntry,
    edit_key,
    is_ended,
    winner_of,
    with_values,
)
from docustore.users.sound import address_of
from docustore.users.stored import RawUser
from docustore.users.versions import hash_version, is_newer_version


def is_known(record: UserRecord, identity: Mapping[str, Any]) -> bool:
    """Tell whether the store has this version of the record.

    A digest of an older version does not count as known: the record is written again, with all fields of this
    version. A digest of a newer version counts as known: an old process must not remove fields that a newer
    process has written. A version without a time is also known if the stored one replaced it. A record that comes
    back after full readings without it is not known: its identity must live again.
    """
    if identity.get("absent"):
        return False
    if record.is_settled or (not record.is_time_observed and identity["modified_at"] != record.modified_at):
        return False
    if record.is_time_observed and record.hash in identity.get("rivals", ()):
        return True
    stored: str = identity["hash"]
    if is_revived(record, identity):
        return False
    return stored == record.hash or (record.values is not None and hash_version(stored) > HASH_VERSION)


def plan_batch(
    records: Sequence[UserRecord], users: Iterable[RawUser], tombstones: Mapping[str, Collection[datetime]]
) -> BatchPlan:
    """Apply records to users.

    Args:
        users: Every stored user that has an identity of the records, and every user, not deleted, that has an
            e-mail address of the records.
        tombstones: For the keys of the records, the known ends of identities that the store does not have.
    """
    return _Planner(users, tombstones).plan(records)


class _Planner:
    def __init__(self, users: Iterable[RawUser], tombstones: Mapping[str, Collection[datetime]]) -> None:
        self._by_key: dict[str, Group] = {}
        self._by_email: dict[str, Group] = {}
        # The ends of identities that came before their first version.
        self._ends: dict[str, set[datetime]] = {key: set(ends) for key, ends in tombstones.items()}
        self._new_tombstones: dict[str, list[datetime]] = {}
        self._touched: dict[int, Group] = {}
        self._has_moves = False
        for user in users:
            self._add(Group(user, {entry["key"]: entry for entry in with_values(user)}, address_of(user)))

    def plan(self, records: Sequence[UserRecord]) -> BatchPlan:
        outcomes = [self._apply(index, record) for index, record in enumerate(records)]
        for group in self._touched.values() if self._has_moves else ():
            # The record made a user that another record of the batch merged away.
            if group.made_by is not None and not group.identities and outcomes[group.made_by] is Outcome.INSERTED:
                outcomes[group.made_by] = Outcome.UPDATED
        late = self._late_versions(records, outcomes)
        apart, together = self._separated()
        return BatchPlan(
            writes=writes_of(apart),
            moves=[move for groups in together if (move := move_of(groups)).writes],
            outcomes=outcomes,
            tombstones=self._new_tombstones,
            late=late,
        )

    def _late_versions(self, records: Sequence[UserRecord], outcomes: Sequence[Outcome]) -> list[LateVersion]:
        """List the versions that no user will show after the batch."""
        stale: dict[int, list[int]] = {}
        groups = dict(self._touched)
        for index, outcome in enumerate(outcomes):
            if outcome is Outcome.STALE and (group := self._by_key.get(records[index].key)) is not None:
                stale.setdefault(id(group), []).append(index)
                groups[id(group)] = group
        late: list[LateVersion] = []
        for number, group in groups.items():
            has_early_end = not self._ends.keys().isdisjoint(group.identities)
            if not group.identities or (group.shows_its_record and number not in stale and not has_early_end):
                continue
            indexes = {*group.records, *stale.get(number, ())}
            late += self._late_of(group, indexes, records, outcomes)
            if number in self._touched:
                # If the write is lost, the late versions are those of another user.
                group.records = indexes
        return late

    def _late_of(
        self, group: Group, indexes: set[int], records: Sequence[UserRecord], outcomes: Sequence[Outcome]
    ) -> list[LateVersion]:
        user_id = ObjectId() if group.before is None else group.before["_id"]
        brought = [(records[index], outcomes[index]) for index in sorted(indexes)]
        late = late_versions(user_id, list(group.identities.values()), brought, self._ends)
        if late and group.before is None:
            group.new_id = user_id
        return late

    def _separated(self) -> tuple[list[Group], list[list[Group]]]:
        """Return the groups that changed alone, and those that exchanged identities."""
        touched = list(self._touched.values())
        if not self._has_moves:
            return touched, []
        parts = [[touched[index] for index in part] for part in connected([group.records for group in touched])]
        return [part[0] for part in parts if len(part) == 1], [part for part in parts if len(part) > 1]

    def _add(self, group: Group) -> None:
        for key in group.identities:
            self._by_key[key] = group
        if not group.is_deleted:
            self._by_email[group.email] = group

    def _apply(self, index: int, record: UserRecord) -> Outcome:
        group = self._by_key.get(record.key)
        if record.values is None:
            return self._end_unknown(record) if group is None else self._end(index, record, group)
        if group is None:
            return self._attach(index, entry_of(record, max(self._ends.get(record.key, ()), default=None)))
        known = group.identities[record.key]
        if known.get("absent"):
            return self._come_back(index, group, record)
        if is_known(record, known):
            return Outcome.UNCHANGED
        if not is_replaced(record, known) and not is_newer_version(
            record.modified_at,
            record.values,
            than_modified_at=known["modified_at"],
            than_values=known["values"],
            than_hash=known["hash"],
        ):
            is_sibling = record.is_time_observed and record.modified_at == known["modified_at"]
            # A full list stays as it is. Otherwise every reading would forget one version to remember another.
            if is_sibling and not has_all_rivals(known):
                self._put(index, group, with_rivals(known, [*known.get("rivals", ()), record.hash]))
            return Outcome.STALE
        entry = entry_of(record, None if is_revived(record, known) else known.get("deleted_at"))
        if record.is_time_observed:
            entry = with_rivals(entry, [*known.get("rivals", ()), known["hash"]])
        self._replace(index, group, entry, known)
        return Outcome.UPDATED

    def _come_back(self, index: int, group: Group, record: UserRecord) -> Outcome:
        self._put(index, group, present(group.identities[record.key]))
        outcome = self._apply(index, record)
        return Outcome.UPDATED if outcome in {Outcome.UNCHANGED, Outcome.STALE} else outcome

    def _end_unknown(self, record: UserRecord) -> Outcome:
        if record.is_absence:
            return Outcome.UNCHANGED
        ends = self._ends.setdefault(record.key, set())
        last = max(ends, default=None)
        if last is not None and (last == record.modified_at or record.is_time_observed):
            return Outcome.UNCHANGED
        if record.modified_at not in ends:
            ends.add(record.modified_at)
            self._new_tombstones.setdefault(record.key, []).append(record.modified_at)
        return Outcome.STALE if last is not None and last > record.modified_at else Outcome.UNCHANGED

    def _end(self, index: int, record: UserRecord, group: Group) -> Outcome:
        known = group.identities[record.key]
        if record.is_absence and is_ended(known):
            return Outcome.UNCHANGED
        # A tombstone of the source counts over a conclusion, also one with an earlier time.
        known = present(known)
        last = max(known["modified_at"], known.get("deleted_at", known["modified_at"]))
        if is_ended(known) and (record.modified_at == last or record.is_time_observed):
            if is_end_of_other_mapping(record, known):
                # Otherwise a record of the same time would revive the identity.
                self._put(index, group, of_mapping(known, record.mapping))
            return Outcome.UNCHANGED
        if record.modified_at < last:
            return Outcome.STALE
        # No mapping has read an absence.
        entry = known.copy() if record.is_absence else of_mapping(known, record.mapping)
        entry["deleted_at"] = record.modified_at
        if record.is_absence:
            entry["absent"] = True
        self._put(index, group, entry)
        return Outcome.DEACTIVATED

    def _attach(self, index: int, entry: IdentityEntry) -> Outcome:
        email = entry["values"]["email"]
        holder = self._by_email.get(email)
        if holder is not None:
            self._put(index, holder, entry)
            return Outcome.UPDATED
        group = Group(None, {entry["key"]: entry}, email, {index}, made_by=index)
        self._add(group)
        self._touched[id(group)] = group
        return Outcome.INSERTED

    def _replace(self, index: int, group: Group, entry: IdentityEntry, known: IdentityEntry) -> None:
        edit = group.identities.get(edit_key(entry["key"]))
        if edit is not None and edit["modified_at"] >= entry["modified_at"]:
            # The edit is a newer version of the identity, and its address counts.
            self._put(index, group, entry)
            return
        if edit is not None:
            del group.identities[edit["key"]], self._by_key[edit["key"]]
        email = entry["values"]["email"]
        holder = self._by_email.get(email)
        is_same_mailbox = email == group.email or (group.has_own_local and email == known["values"]["email"])
        is_free = holder is None or holder is group
        # ADR 0004: identities with one address are one user, and a changed address moves the user. The identity
        # stays with its user in three cases:
        # - The user is deleted. It shares no address, and it keeps its identities current for a restore.
        # - The user already has the address, and no other user has it. Nothing moves. If the user has a local
        #   identity of its own, whose address may differ, the same holds for the address of the identity.
        # - The address is new and free, and the user has no other upstream identity. The whole user moves. A local
        #   identity never stays behind alone.
        # Otherwise the identity leaves its user. It joins the user with the address or becomes a new user. The old
        # user is derived again. If no upstream identity is left there, local identities go along to the new user.
        # An error here merges two people or splits one person.
        stays = group.is_deleted or (is_free and (is_same_mailbox or not group.has_others(entry["key"])))
        if stays:
            self._put(index, group, entry)
            return
        is_last = not group.has_others(entry["key"])
        self._take_out(index, group, entry["key"])
        self._attach(index, entry)
        if is_last:
            for local in list(group.identities.values()):
                self._take_out(index, group, local["key"])
                self._put(index, self._by_key[entry["key"]], local)

    def _put(self, index: int, group: Group, entry: IdentityEntry) -> None:
        group.identities[entry["key"]] = entry
        self._by_key[entry["key"]] = group
        self._rederive(index, group)

    def _take_out(self, index: int, group: Group, key: str) -> None:
        self._has_moves = True
        del group.identities[key]
        del self._by_key[key]
        self._rederive(index, group)

    def _rederive(self, index: int, group: Group) -> None:
        group.records.add(index)
        self._touched[id(group)] = group
        if self._by_email.get(group.email) is group:
            del self._by_email[group.email]
        if not group.identities:
            return
        group.email = address_of(winner_of(list(group.identities.values()))["values"])
        if not group.is_deleted:
            self._by_email.setdefault(group.email, group)

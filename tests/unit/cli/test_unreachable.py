"""The words of `docustore doctor` about a MongoDB that cannot be used."""

from typing import Any

import pytest
from pymongo.errors import OperationFailure

from docustore.cli.checks.unreachable import diagnosis, unreachable_finding

MEMBER = {"setName": "rs0", "hosts": ["db1:27017", "db2:27017"]}


@pytest.mark.parametrize(
    ("wanted", "reply", "seen", "next_step"),
    [
        ("rs0", "connection refused", "no answer from h:1 (connection refused)", "start MongoDB there"),
        (None, {"isreplicaset": True}, "not initiated", "rs.initiate()"),
        ("rs0", {}, "h:1 is a single server, the URL names the replica set rs0", "--replSet rs0"),
        ("other", MEMBER, "the replica set of h:1 is rs0, the URL names other", "correct replicaSet="),
        ("rs0", MEMBER, "rs0 has no primary", "majority"),
        ("rs0", {**MEMBER, "primary": "db1:27017"}, "call themselves db1:27017, db2:27017", "reachable"),
    ],
)
def test_cause_and_next_step(wanted: str | None, reply: dict[str, Any] | str, seen: str, next_step: str) -> None:
    found = diagnosis(wanted, {"h:1": reply})

    assert seen in found[0]
    assert next_step in found[1]


def test_one_member_that_answers_tells_the_cause() -> None:
    seen, _ = diagnosis("other", {"h:1": "connection refused", "h:2": MEMBER})

    assert seen == "the replica set of h:2 is rs0, the URL names other"


async def test_refused_credentials_are_named() -> None:
    error = OperationFailure("Authentication failed.", code=18)

    finding = await unreachable_finding("mongodb://user:secret@h:1/", error)

    assert finding.seen == "refuses the credentials"
    assert "secret" not in finding.next_step

"""The kept figures against those of the models, and docustore's own checks."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from httpx2 import AsyncClient

from docustore.analytics.cube.counts import SERIES
from docustore.analytics.cube.counts import VALUES as CUBE_VALUES
from docustore.analytics.marts import read_marts
from docustore.changes.dead_letters import LETTERS, OPEN_STATES
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.verify import verify
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from docustore.quality.counts import VALUES as UNIQUE_VALUES
from docustore.quality.declared import rule_set
from docustore.quality.report import RuleStatus, quality_report
from docustore.quality.violations import violations
from tests.chaos.histories.mart_model import DIMENSIONS, Past, counted, days_of
from tests.chaos.histories.reading import User
from tests.chaos.histories.rule_model import Figures, expected_figures
from tests.chaos.histories.service import Service

PATIENCE_S: Final = 60.0
PAGE: Final = 97
FIGURES: Final = ("users", "violated", "not_evaluated", "inapplicable")
# Each is asked twice: of the counters, and of all users.
QUESTIONS: Final = (
    *(f"/analytics/users?dimension={name}" for name in DIMENSIONS),
    *(
        f"/analytics/registrations?from=2024-05-01T00:00:00Z&bucket={bucket}&time_zone=Asia/Kathmandu&dimension={by}"
        for bucket, by in (("day", "status"), ("week", "tag"), ("month", "source"))
    ),
    "/analytics/registrations?bucket=hour",
    "/analytics/transitions?bucket=hour",
    "/analytics/cohorts?from=2024-04-01T00:00:00Z",
    *(f"/analytics/cohorts?from=2024-04-01T00:00:00Z&top=3&dimension={name}" for name in ("status", "tag")),
    *(f"/analytics/ages?dimension={name}" for name in ("status", "location", "email_domain")),
)


async def check_quality(service: Service, users: list[User], *, now: datetime) -> None:
    """Compare each rule with its model.

    Figures, the listed users, members of shared values.

    Args:
        now: Naive time in UTC.
    """
    database, rules = service.database, rule_set(service.settings.quality_rules)
    expected = expected_figures(users, edit=service.edits, now=now)
    assert expected.keys() == rules.ids.keys()
    report = await quality_report(database, rules, now=now)
    assert report["state"] == "live"
    shown = {each["name"]: {name: each[name] for name in FIGURES} for each in report["rules"]}
    wanted = {name: _shown(figures) for name, figures in expected.items()}
    assert differing(shown, wanted) == {}
    assert [each["name"] for each in report["rules"] if each["status"] is RuleStatus.UNKNOWN] == []
    for rule in rules.rules:
        listed = await _listed(database, service, rule.name, now=now)
        assert len(listed) == len(set(listed)), rule.name
        assert set(listed) == expected[rule.name].violating, rule.name
        sizes = Counter(len(group) for group in expected[rule.name].groups.values())
        assert await _group_sizes(database, rules.ids[rule.name]) == sizes, rule.name


def differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs: the kept figure and the recomputed one."""
    names = sorted(found.keys() | expected.keys())
    return {name: (found.get(name), expected.get(name)) for name in names if found.get(name) != expected.get(name)}


def _shown(figures: Figures) -> dict[str, int]:
    return {
        "users": figures.users,
        "violated": len(figures.violating),
        "not_evaluated": figures.not_evaluated,
        "inapplicable": figures.not_concerned,
    }


async def _listed(database: Database, service: Service, name: str, *, now: datetime) -> list[Any]:
    """Walk over all pages of the users that violate a rule."""
    rules = rule_set(service.settings.quality_rules)
    rule, after, found = rules.find(name), None, []
    assert rule is not None
    while True:
        page = await violations(database, rule, rules.ids[name], after=after, limit=PAGE, now=now)
        found += page.user_ids
        after = page.after
        if after is None:
            return found


async def _group_sizes(database: Database, rule_id: str) -> Counter[int]:
    stored = database[UNIQUE_VALUES].find({"_id.rule": rule_id})
    return Counter([each["users"] async for each in stored])


async def check_marts(database: Database, users: list[User]) -> None:
    """Compare `user_stats` with the users that are not deleted."""
    present = [user for user in users if user.get("deleted_at") is None]
    marts = await read_marts(database)
    days = days_of(present)
    assert marts.total == len(present)
    assert differing(marts.by_status, counted(present, DIMENSIONS["status"])) == {}
    assert differing(marts.registrations, days) == {}
    assert marts.dated == days.total()


async def check_cube(database: Database, users: list[User], past: Past) -> None:
    """Compare the counters of the dimensions, of registrations and of transitions."""
    stored = {user["_id"] for user in users}
    gone = [user for user_id, user in past.last.items() if user_id not in stored]
    present, ever = [user for user in users if user.get("deleted_at") is None], [*users, *gone]
    for name, values_of in DIMENSIONS.items():
        registered, there = counted(ever, values_of), counted(present, values_of)
        found = {
            each["_id"]["v"]: (each.get("registered", 0), each.get("present", 0))
            async for each in database[CUBE_VALUES].find({"_id.d": name, "_id.v": {"$ne": ""}})
        }
        expected = {value: (number, there[value]) for value, number in registered.items()}
        assert differing(found, expected) == {}, name
    for part, of in (("r", ever), ("p", present)):
        assert differing(await _days(database, part), days_of(of)) == {}, part
    assert differing(await _transitions(database), past.transitions) == {}


async def _days(database: Database, part: str) -> dict[str, int]:
    months = database[SERIES].find({"_id.d": "", "_id.v": ""})
    return {
        f"{each['_id']['m']}-{day}": number
        async for each in months
        for day, number in each.get(part, {}).items()
        if number
    }


async def _transitions(database: Database) -> Counter[str]:
    found: Counter[str] = Counter()
    async for each in database[SERIES].find({"_id.d": "transition"}):
        found[each["_id"]["v"]] += each["n"]
    return found


async def check_answers(client: AsyncClient) -> None:
    """Ask the API each question twice: the counters and all users give one answer."""
    for path in QUESTIONS:
        answers = []
        for exact in ("false", "true"):
            answer = await client.get(f"{path}{'&' if '?' in path else '?'}exact={exact}")
            assert answer.is_success, answer.text
            answers.append({name: part for name, part in answer.json().items() if name != "freshness"})
        assert answers[0] == answers[1], path


async def check_own_checks(service: Service, client: AsyncClient) -> None:
    """Check with docustore's own means that no effect differs.

    No change waits for a person either.
    """
    database, settings = service.database, service.settings
    found = await verify(database, EFFECTS, [derived(settings) for derived in DERIVED], timeout_s=PATIENCE_S)
    assert found.is_complete
    assert found.differences == []
    answer = (await client.post("/quality/run", timeout=600)).json()
    assert (answer["differences"], answer["problem"]) == ([], None)
    assert await database[LETTERS].find({"state": {"$in": list(OPEN_STATES)}}).to_list() == []
    failures = await database[EFFECT_STATES].distinct("failures", {"failures": {"$gt": 0}})
    assert failures == []


async def check_report_of_the_api(service: Service, client: AsyncClient, users: list[User]) -> None:
    """Compare the report that a client gets, at its own time."""
    report = (await client.get("/quality/report")).json()
    moment = datetime.now(UTC).replace(tzinfo=None)
    expected = expected_figures(users, edit=service.edits, now=moment)
    found = {each["name"]: each["violated"] for each in report["rules"]}
    assert differing(found, {name: len(figures.violating) for name, figures in expected.items()}) == {}

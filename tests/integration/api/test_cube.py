"""The routes of the analytics that counters answer."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from docustore.analytics.cube.share import USER_ANALYTICS
from docustore.changes.effects.analytics import UserAnalyticsEffect
from docustore.changes.listener import listen
from docustore.changes.status import wait_until_applied
from docustore.config import Settings
from docustore.database import Database
from docustore.effect_states import EFFECT_STATES
from tests.integration.api.conftest import Client
from tests.listening import make_user
from tests.waiting import until

# 18:20 UTC is the next day in Kathmandu.
MOMENTS = ("2024-05-01T10:00", "2024-05-01T18:20", "2024-05-02T09:30", "2024-04-20T12:00", "2024-04-10T12:00")
LOCATIONS = ("Delft", "Delft", "=1+1", "Delft", None)
MAY = {"from": "2024-05-01T00:00:00Z", "to": "2024-05-03T00:00:00Z"}
ROUTES = ("users", "registrations", "transitions", "cohorts", "ages")


def made(number: int) -> dict[str, Any]:
    profile = {"location": LOCATIONS[number], "preferences": {"theme": "dark", "language": "nl"}}
    return make_user(
        created_at=datetime.fromisoformat(MOMENTS[number]).replace(tzinfo=UTC),
        profile=profile,
        tags=["a", "b"][: number % 3],
    )


@pytest.fixture
async def counted(database: Database, api_settings: Settings, api: Client) -> AsyncIterator[Client]:
    """An API with five users; one is suspended, one is deleted, one is removed."""
    users = [made(number) for number in range(5)]
    await database["users"].insert_many(users)
    stop = asyncio.Event()
    listener = asyncio.create_task(listen(database, api_settings, stop=stop, derived=(UserAnalyticsEffect,)))
    await wait_until_applied(database)
    await database["users"].update_one({"_id": users[0]["_id"]}, {"$set": {"status": "suspended"}})
    gone = {"deleted_at": datetime(2024, 6, 30, tzinfo=UTC)}
    await database["users"].update_one({"_id": users[3]["_id"]}, {"$set": gone})
    await database["users"].delete_one({"_id": users[4]["_id"]})
    seq = await wait_until_applied(database)
    wanted = {"_id": USER_ANALYTICS, "state": "live", "seq": {"$gte": seq}}
    await until(lambda: database[EFFECT_STATES].find_one(wanted))
    yield api
    stop.set()
    await listener


async def read(api: Client, name: str, **parameters: Any) -> dict[str, Any]:
    answer = await api.get(f"/analytics/{name}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_users_by_dimension(counted: Client) -> None:
    report = await read(counted, "users")

    assert report["totals"] == {"registered": 5, "present": 3, "ended": 2}
    found = {each["dimension"]: each for each in report["distributions"]}
    assert [(each["value"], each["registered"], each["present"]) for each in found["location"]["values"]] == [
        ("Delft", 3, 2),
        ("=1+1", 1, 1),
        ("other", 1, 0),
    ]
    assert found["status"]["values"][0]["present_pct"] == 66.67
    assert (found["tag"]["is_multi_valued"], found["location"]["is_multi_valued"]) == (True, False)
    assert report["freshness"] | {"as_of": None} == {
        "source": "mart",
        "state": "live",
        "as_of": None,
        "lag_s": 0.0,
    }


async def test_users_of_a_period_and_the_one_before(counted: Client) -> None:
    report = await read(counted, "users", **MAY, dimension="location", compare="previous_weekdays")

    assert report["period"] == {"from": MAY["from"], "to": MAY["to"]}
    assert report["totals"]["registered"] == 3
    assert report["previous"] == {"from": "2024-04-24T00:00:00Z", "to": "2024-04-26T00:00:00Z"}
    assert (report["previous_totals"]["registered"], report["growth"]["registered_pct"]) == (0, None)


async def test_registrations_of_a_time_zone(counted: Client) -> None:
    """A local day of Kathmandu begins at a quarter past six in the evening."""
    report = await read(
        counted,
        "registrations",
        **{"from": "2024-04-30T18:15:00Z", "to": "2024-05-02T18:15:00Z"},
        time_zone="Asia/Kathmandu",
        dimension="location",
        top=1,
        compare="previous",
    )

    current = report["current"]
    assert [bucket["start"] for bucket in current["buckets"]] == [
        "2024-05-01T00:00:00+05:45",
        "2024-05-02T00:00:00+05:45",
    ]
    assert [(each["value"], each["registered"]) for each in current["series"]] == [
        (None, [1, 2]),
        ("Delft", [1, 1]),
        ("other", [0, 1]),
    ]
    assert current["series"][0]["growth_pct"] == [None, 100.0]
    assert report["previous"]["period"]["to"] == "2024-04-30T18:15:00Z"


async def test_partial_buckets_are_marked(counted: Client) -> None:
    report = await read(
        counted, "registrations", **{"from": "2024-04-15T00:00:00Z", "to": "2024-05-02T00:00:00Z"}, bucket="month"
    )
    running = await read(counted, "registrations")

    assert [bucket["is_partial"] for bucket in report["current"]["buckets"]] == [True, True]
    assert len(running["current"]["buckets"]) == 30
    assert [bucket["is_partial"] for bucket in running["current"]["buckets"][-2:]] == [False, True]


async def test_transitions(counted: Client) -> None:
    report = await read(counted, "transitions", bucket="month", compare="previous")

    assert report["current"]["changes"] == 1
    assert [(each["from"], each["to"], each["changes"]) for each in report["current"]["series"]] == [
        ("active", "suspended", 1)
    ]
    assert (report["previous"]["changes"], report["growth_pct"]) == (0, None)


async def test_cohorts_keep_who_has_left(counted: Client) -> None:
    report = await read(counted, "cohorts", **{"from": "2024-03-01T00:00:00Z", "to": "2024-06-01T00:00:00Z"})

    march, april, may = report["cohorts"]
    assert (march["registered"], march["present_pct"]) == (0, None)
    assert (april["registered"], april["present"], april["present_pct"]) == (2, 0, 0.0)
    assert [cell["retained"] for cell in april["cells"][:3]] == [2, 2, 1]
    assert (april["cells"][-1]["retained"], april["cells"][-1]["is_unfinished"]) == (0, True)
    assert not april["cells"][-2]["is_unfinished"]
    assert (may["registered"], may["present"], may["active"]) == (3, 3, 2)


async def test_ages(counted: Client) -> None:
    report = await read(counted, "ages", dimension="location")

    everybody, delft, _ = report["ages"]
    day = datetime.fromisoformat(report["day"])
    oldest = (day - datetime(2024, 5, 1)).days  # noqa: DTZ001  # days only
    assert (everybody["users"], everybody["unknown"]) == (3, 0)
    assert everybody["average_days"] == round(oldest - 1 / 3, 2)
    assert everybody["percentiles_days"] == {
        "p10": oldest - 1,
        "p25": oldest - 1,
        **dict.fromkeys(("p50", "p75", "p90", "p99"), oldest),
    }
    assert (delft["value"], delft["users"], delft["percentiles_days"]["p50"]) == ("Delft", 2, oldest)


@pytest.mark.parametrize(
    ("start", "users", "previous"),
    [
        ("2024-05-01T00:00:00Z", [3, 2, 1], [0, 0, 0]),
        # Not a day of UTC: the slots count.
        ("2024-05-01T18:15:00Z", [2, 1, 1], [1, 1, 0]),
    ],
)
async def test_ages_of_a_period(counted: Client, start: str, users: list[int], previous: list[int]) -> None:
    """Those that are left of the users who registered in it, and in the period before."""
    parameters = {"from": start, "to": "2024-05-03T00:00:00Z", "compare": "previous", "dimension": "location"}

    report = await read(counted, "ages", **parameters)
    exact = await read(counted, "ages", **parameters, exact="true")
    table = await counted.get("/analytics/ages", params={**parameters, "format": "csv"})

    assert [each["users"] for each in report["ages"]] == users
    assert [each["users"] for each in report["previous_ages"]] == previous
    assert {each["unknown"] for each in (*report["ages"], *report["previous_ages"])} == {0}
    assert [report[key] for key in ("period", "ages", "previous", "previous_ages")] == [
        exact[key] for key in ("period", "ages", "previous", "previous_ages")
    ]
    assert [row["period"] for row in csv.DictReader(io.StringIO(table.text))] == ["current"] * 3 + ["previous"] * 3


async def test_table_of_users_has_the_growth(counted: Client) -> None:
    parameters = {"from": "2024-05-02T00:00:00Z", "to": "2024-05-03T00:00:00Z", "compare": "previous"}

    answer = await counted.get("/analytics/users", params={**parameters, "dimension": "theme", "format": "csv"})

    everybody, dark = csv.DictReader(io.StringIO(answer.text))
    assert (everybody["registered"], everybody["registered_growth_pct"]) == ("1", "-50.0")
    assert (dark["value"], dark["present_growth_pct"]) == ("dark", "-50.0")


@pytest.mark.parametrize("name", ROUTES)
async def test_exact_answers_are_equal(counted: Client, name: str) -> None:
    mart = await read(counted, name)
    exact = await read(counted, name, exact="true")

    assert (mart.pop("freshness")["source"], exact.pop("freshness")["source"]) == ("mart", "pipeline")
    assert mart == exact


@pytest.mark.parametrize("name", ROUTES)
async def test_copy_is_current_until_a_figure_changes(counted: Client, name: str) -> None:
    first = await counted.get(f"/analytics/{name}")
    tag = first.headers["etag"]

    again = await counted.get(f"/analytics/{name}", headers={"if-none-match": f'"old", {tag}'})
    other = await counted.get(f"/analytics/{name}", headers={"if-none-match": '"old"'})

    assert (again.status_code, again.headers["etag"], again.content) == (304, tag, b"")
    assert (other.status_code, other.headers["etag"]) == (200, tag)


async def test_csv_is_safe_for_spreadsheets(counted: Client) -> None:
    by_format = await counted.get("/analytics/users", params={"dimension": "location", "format": "csv"})
    by_header = await counted.get("/analytics/users?dimension=location", headers={"accept": "text/csv"})

    assert by_format.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_header.content == by_format.content
    rows = list(csv.reader(io.StringIO(by_format.text)))
    assert rows[0] == ["dimension", "value", "registered", "present", "ended", "present_pct"]
    assert rows[1:3] == [["", "", "5", "3", "2", ""], ["location", "Delft", "3", "2", "1", "66.67"]]
    assert rows[3][1] == "'=1+1"


@pytest.mark.parametrize("name", ROUTES)
async def test_every_report_is_a_table(counted: Client, name: str) -> None:
    answer = await counted.get(f"/analytics/{name}", params={"format": "csv"})

    columns, *rows = csv.reader(io.StringIO(answer.text))
    assert rows
    assert all(len(row) == len(columns) for row in rows)


@pytest.mark.parametrize(
    ("path", "pointer", "code"),
    [
        ("registrations?time_zone=Mars/Base", "/time_zone", "unknown"),
        ("registrations?from=2024-05-02T00:00:00Z&to=2024-05-01T00:00:00Z", "/from", "empty"),
        (
            "registrations?from=2024-01-01T00:00:00Z&to=2024-05-01T00:00:00Z&bucket=hour",
            "/bucket",
            "too_many_buckets",
        ),
        ("registrations?from=1901-01-01T00:00:00Z&bucket=month&dimension=tag", "/from", "too_long"),
        ("registrations?from=0001-01-02T00:00:00Z&to=0001-01-03T00:00:00Z", "/to", "out_of_range"),
        ("registrations?from=0001-01-02T00:00:00Z", "/from", "out_of_range"),
        ("cohorts?from=9999-01-02T00:00:00Z&to=9999-12-30T00:00:00Z", "/to", "out_of_range"),
        ("users?compare=previous", "/compare", "needs_period"),
        ("cohorts?from=2000-01-01T00:00:00Z", "/from", "too_long"),
        ("users?dimension=password", "/dimension", "not_allowed"),
        ("users?top=51", "/top", "out_of_range"),
    ],
)
async def test_invalid_requests_are_refused(api: Client, path: str, pointer: str, code: str) -> None:
    answer = await api.get(f"/analytics/{path}")

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


async def test_store_without_a_listener_says_so(api: Client) -> None:
    report = await read(api, "users")

    assert report["totals"] == {"registered": 0, "present": 0, "ended": 0}
    assert report["freshness"]["state"] == "absent"

"""Health, metrics, and the OpenAPI document."""

import re
from datetime import timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from docustore.clock import now_utc
from docustore.etl.models import Counts, EtlRun, RunOptions, RunState, RunTrigger
from tests.integration.api.conftest import Client, create


async def samples(api: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = await api.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_requests_are_counted_by_template(api: Client) -> None:
    user = await create(api)
    before = await samples(api)
    for _ in range(3):
        await api.get(f"/users/{user['id']}")
    await api.get("/users/malformed")
    await api.get("/not/there")

    found = await samples(api)

    def counted(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return found[key] - before.get(key, 0)

    name = "docustore_http_request_duration_seconds_count"
    route = {"method": "GET", "route": "/users/{user_id}"}
    assert counted(name, **route, status="200") == 3
    assert counted(name, **route, status="404") == 1
    assert counted("docustore_http_requests_unrouted_total") == 1
    assert not any(user["id"] in str(key) or "malformed" in str(key) for key in found)


async def test_store_metrics_are_read_at_the_scrape(api: Client) -> None:
    await EtlRun(
        source="crm", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now_utc(),
        finished_at=now_utc(), duration_s=1.5, counts=Counts(read=3, inserted=3),
    ).insert()  # fmt: skip

    found = await samples(api)

    last_run = frozenset({"source": "crm", "outcome": "inserted"}.items())
    assert found["docustore_etl_last_run_records", last_run] == 3
    assert found["docustore_changes_listener_running", frozenset()] == 0
    assert found["docustore_etl_runs", frozenset({("state", "succeeded")})] == 1
    assert 0 <= found["docustore_etl_freshness_seconds", frozenset({("source", "crm")})] < 3600
    assert found["docustore_alert_messages", frozenset({("state", "failed")})] == 0
    assert found["docustore_etl_incidents_open", frozenset({("kind", "overdue")})] == 0
    assert ("docustore_users", frozenset({("status", "active")})) in found
    unknown = frozenset({("rule", "email_valid"), ("status", "unknown")})
    assert found["docustore_quality_rule_status", unknown] == 1


async def test_dry_run_is_no_last_run(api: Client) -> None:
    """It has loaded nothing: neither the metrics nor the dashboard count its records as loaded."""
    now = now_utc()
    for minute, options in enumerate((RunOptions(), RunOptions(dry_run=True))):
        await EtlRun(
            source="crm", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, options=options,
            created_at=now + timedelta(minutes=minute), finished_at=now, counts=Counts(read=3 + minute),
        ).insert()  # fmt: skip

    found = await samples(api)
    summary = (await api.get("/dashboard/summary")).json()

    read = frozenset({"source": "crm", "outcome": "read"}.items())
    assert found["docustore_etl_last_run_records", read] == 3
    assert [run["dry_run"] for run in summary["runs"]] == [True, False]
    assert summary["last_run"]["counts"]["read"] == 3


async def test_schema_is_openapi_3_1(anonymous: Client) -> None:
    document = (await anonymous.get("/schema")).json()

    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert (await anonymous.get("/schema/openapi.json")).json() == document


async def test_every_route_is_documented(anonymous: Client) -> None:
    document = (await anonymous.get("/schema")).json()

    operations = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    assert len(operations) > 20
    for path, method, operation in operations:
        assert operation.get("summary"), (path, method)
        assert operation.get("description"), (path, method)
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])
        if not path.startswith(("/health", "/problems")):
            problem: Any = operation["responses"]["401"]["content"]
            assert list(problem) == ["application/problem+json"], (path, method)


async def test_patch_documents_both_kinds_of_body(anonymous: Client) -> None:
    document = (await anonymous.get("/schema")).json()

    content = document["paths"]["/users/{user_id}"]["patch"]["requestBody"]["content"]
    assert set(content) == {"application/merge-patch+json", "application/json-patch+json", "application/json"}


async def test_openapi_3_0_is_served(anonymous: Client) -> None:
    response = await anonymous.get("/schema/openapi-3.0.json")

    assert response.json()["openapi"] == "3.0.3"
    assert '"null"' not in response.text


async def test_browsers_are_redirected_to_the_page(anonymous: Client) -> None:
    led = await anonymous.get("/schema", headers={"accept": "text/html,*/*"})
    page = await anonymous.get(led.headers["location"])

    assert (led.status_code, page.status_code) == (302, 200)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/"), address
        assert (await anonymous.get(address)).status_code == 200, address


async def test_pages_load_nothing_from_other_servers(anonymous: Client) -> None:
    for path in ("/login", "/schema/docs"):
        response = await anonymous.get(path)

        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "http" not in re.sub(r"http-equiv|https?://www\.w3\.org", "", response.text)


async def test_figures_answer_before_the_first_listener(api: Client) -> None:
    analytics = (await api.get("/users/analytics")).json()
    status = (await api.get("/changes/status")).json()

    assert set(analytics) == {
        "total_users", "status_distribution", "registration_trends", "average_account_age_days", "as_of",
    }  # fmt: skip
    assert (status["owner"], status["is_caught_up"]) == (None, False)

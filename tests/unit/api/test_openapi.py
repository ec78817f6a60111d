"""The description at `/schema`: names, bodies, headers and statuses."""

import json
import re
from typing import Any

import pytest

from tests.unconnected_app import unconnected_app

APP = unconnected_app()
DOCUMENT: dict[str, Any] = APP.openapi_schema.to_schema()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for method, operation in path.items()
    if method in {"get", "post", "put", "patch", "delete"}
}
# Generated clients name their methods after these.
OPERATION_IDS = {
    "accept_gap",
    "activate_user",
    "approve_run",
    "backfill_source",
    "cancel_run",
    "check_listener",
    "check_liveness",
    "check_readiness",
    "create_user",
    "create_webhook",
    "deactivate_user",
    "delete_query",
    "delete_report",
    "delete_user",
    "delete_webhook",
    "disable_webhook",
    "enable_webhook",
    "export_quarantined_records",
    "export_users",
    "follow_changes",
    "get_analytics_of_users",
    "get_change_status",
    "get_dead_letter",
    "get_export",
    "get_metrics",
    "get_problem_type",
    "get_quality_report",
    "get_quality_trend",
    "get_quarantined_record",
    "get_query",
    "get_report",
    "get_run",
    "get_run_diff",
    "get_source",
    "get_user",
    "get_user_analytics",
    "get_user_by_email",
    "get_user_quality",
    "get_watermark",
    "get_webhook",
    "grant_role",
    "ignore_quarantined_record",
    "ignore_quarantined_records",
    "list_account_ages",
    "list_alert_messages",
    "list_alerts",
    "list_audit_entries",
    "list_cohorts",
    "list_dead_letters",
    "list_effects",
    "list_gaps",
    "list_problem_types",
    "list_quality_violations",
    "list_quarantined_records",
    "list_queries",
    "list_registrations",
    "list_report_deliveries",
    "list_reports",
    "list_runs",
    "list_sources",
    "list_transitions",
    "list_user_history",
    "list_user_identities",
    "list_users",
    "list_webhook_deliveries",
    "list_webhooks",
    "pause_listener",
    "pause_report",
    "pause_source",
    "profile_users",
    "rebuild_effect",
    "reject_run",
    "release_source",
    "reopen_quarantined_record",
    "replace_user",
    "replace_webhook",
    "replay_dead_letter",
    "replay_quarantined_record",
    "replay_quarantined_records",
    "replay_webhook",
    "replay_webhook_delivery",
    "reset_listener",
    "restore_user",
    "restore_user_version",
    "resume_listener",
    "resume_report",
    "resume_source",
    "retry_alert_messages",
    "revoke_role",
    "rotate_webhook_secret",
    "run_quality_check",
    "run_query",
    "run_report",
    "run_saved_query",
    "save_query",
    "save_report",
    "search_users",
    "seek_listener",
    "set_status_of_users",
    "set_watermark",
    "skip_dead_letter",
    "start_run",
    "suspend_user",
    "test_webhook",
    "unwaive_quality_rule",
    "update_user",
    "verify_changes",
    "waive_quality_rule",
}


def test_operation_ids_are_stable() -> None:
    assert set(OPERATIONS) == OPERATION_IDS


def test_operation_ids_are_readable_and_unique() -> None:
    routes = sum(
        len(path.keys() & {"get", "post", "put", "patch", "delete"}) for path in DOCUMENT["paths"].values()
    )

    assert len(OPERATIONS) == routes
    assert [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def bodies() -> list[Any]:
    return [
        pytest.param(media_type, resolved(described["schema"]), id=f"{name}-{media_type}")
        for name, operation in OPERATIONS.items()
        for media_type, described in operation.get("requestBody", {}).get("content", {}).items()
    ]


def objects(schema: Any) -> list[dict[str, Any]]:
    """List the schema and its parts that describe objects."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects(part)]
    if not isinstance(schema, dict):
        return []
    target = resolved(schema)
    return [*([target] if target.get("type") == "object" else []), *objects(list(target.values()))]


@pytest.mark.parametrize(("media_type", "schema"), bodies())
def test_body_allows_no_unknown_member(media_type: str, schema: dict[str, Any]) -> None:
    """RFC 6902 requires that unknown members of an operation are ignored."""
    found = [part for part in objects(schema) if media_type != "application/json-patch+json"]

    assert all(part.get("additionalProperties") is False for part in found)


@pytest.mark.parametrize("name", ["UserInput", "UserPatch"])
def test_user_has_its_limits(name: str) -> None:
    user = json.dumps(SCHEMAS[name])
    profile = json.dumps(
        SCHEMAS[name.replace("User", "").replace("Input", "Profile").replace("Patch", "ProfilePatch")]
    )

    assert {'"maxLength": 200', '"maxItems": 200', '"minLength": 8', '"maxLength": 1024'} <= set(
        re.findall(r'"(?:min|max)(?:Length|Items)": \d+', user)
    )
    assert '"format": "uri"' in profile
    assert '"format": "email"' in user


def test_password_is_only_written() -> None:
    assert '"format": "password"' in json.dumps(SCHEMAS["UserInput"])
    assert "password" not in SCHEMAS["UserView"]["properties"]


def test_no_rule_of_the_store_is_shown() -> None:
    assert "x-server-" not in json.dumps(DOCUMENT)


def test_if_match_is_required_where_428_is_possible() -> None:
    required = {
        name
        for name, operation in OPERATIONS.items()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "If-Match" and parameter["required"]
    }

    # These also create.
    optional = {"save_query", "save_report"}
    possible = {name for name, operation in OPERATIONS.items() if "428" in operation["responses"]}
    assert required == possible - optional
    assert required == {"replace_user", "update_user", "delete_user", "restore_user_version"}


@pytest.mark.parametrize(
    ("status", "header"), [("401", "WWW-Authenticate"), ("412", "ETag"), ("503", "Retry-After"), ("304", "ETag")]
)
def test_error_names_its_headers(status: str, header: str) -> None:
    responses = [each["responses"][status] for name, each in OPERATIONS.items() if status in each["responses"]]
    responses = [each for each in responses if "Health" not in json.dumps(each)]

    assert responses
    assert all(each["headers"][header]["required"] for each in responses)


@pytest.mark.parametrize(
    ("operation", "status", "headers"),
    [
        ("create_user", "201", {"ETag", "Location", "Idempotent-Replayed"}),
        ("get_user", "200", {"ETag"}),
        ("list_users", "200", {"Link", "Preference-Applied"}),
        ("search_users", "200", {"Link"}),
        ("start_run", "202", {"Location"}),
    ],
)
def test_success_names_its_headers(operation: str, status: str, headers: set[str]) -> None:
    assert OPERATIONS[operation]["responses"][status]["headers"].keys() >= headers


def test_absent_parameter_is_not_null() -> None:
    parameters = [each for operation in OPERATIONS.values() for each in operation.get("parameters", ())]

    assert '"null"' not in json.dumps(parameters)


def test_moments_are_described_as_such() -> None:
    assert "date-time" in json.dumps(SCHEMAS["BulkStatusInput"]["properties"]["updated_before"])
    listed = {each["name"]: each["schema"] for each in OPERATIONS["list_users"]["parameters"]}
    assert listed["created_at[gte]"]["format"] == "date-time"


def test_export_names_the_types_of_its_formats() -> None:
    answer = OPERATIONS["export_users"]["responses"]["200"]

    assert answer["content"].keys() == {
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.parquet",
        "application/gzip",
    }
    assert {"Export-Id", "Content-Disposition"} <= answer["headers"].keys()
    assert not {"content-length", "etag"} & answer["headers"].keys()


@pytest.mark.parametrize("name", ["get_analytics_of_users", "list_account_ages", "list_registrations"])
def test_report_may_be_a_table(name: str) -> None:
    assert OPERATIONS[name]["responses"]["200"]["content"].keys() == {"application/json", "text/csv"}

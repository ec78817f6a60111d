"""Events in the form of OpenLineage: every part is read by the classes of the published client."""

from datetime import UTC, datetime
from typing import Any

import attr
import pytest
from openlineage.client import event_v2
from openlineage.client.generated import (
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    schema_dataset,
)

from docustore.etl.lineage import Dataset, input_dataset, output_dataset, run_event
from docustore.etl.lineage_event import Lineage, LineageEvent, LineageState, LineageType
from docustore.etl.models import Counts, EtlRun, RunTrigger

AT = datetime(2026, 11, 1, 12, 0, 0, 1500, tzinfo=UTC)
FACETS = {
    "schema": schema_dataset.SchemaDatasetFacet,
    "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "nominalTime": nominal_time_run.NominalTimeRunFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
}


def facets(given: dict[str, Any]) -> dict[str, Any]:
    """Build each facet by its class, which refuses unknown and missing members."""
    built = {}
    for name, facet in given.items():
        content = {key: value for key, value in facet.items() if not key.startswith("_")}
        made = FACETS[name](**content, producer=facet["_producer"])
        assert made._schemaURL == facet["_schemaURL"]
        built[name] = made
    return built


def as_published(event: dict[str, Any]) -> event_v2.RunEvent:
    run, job = event["run"], event["job"]
    [source], [target] = event["inputs"], event["outputs"]
    built = event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        run=event_v2.Run(runId=run["runId"], facets=facets(run["facets"])),
        job=event_v2.Job(namespace=job["namespace"], name=job["name"], facets=facets(job["facets"])),
        inputs=[
            event_v2.InputDataset(
                namespace=source["namespace"],
                name=source["name"],
                facets=facets(source["facets"]),
                inputFacets=facets(source["inputFacets"]),
            )
        ],
        outputs=[
            event_v2.OutputDataset(
                namespace=target["namespace"],
                name=target["name"],
                facets=facets(target["facets"]),
                outputFacets=facets(target["outputFacets"]),
            )
        ],
        producer=event["producer"],
    )
    assert built.schemaURL == event["schemaURL"]
    assert set(event) == {field.name for field in attr.fields(event_v2.RunEvent)}
    return built


def made(event_type: LineageType, **fields: Any) -> dict[str, Any]:
    lineage = Lineage(namespace="file", name="/exports/people.csv", events=[])
    counts = Counts(read=9, inserted=3, updated=2, unchanged=3, deactivated=1)
    # Built without a database: the class of stored documents needs one.
    run = EtlRun.model_construct(
        source="crm",
        trigger=RunTrigger.SCHEDULE,
        counts=counts,
        lineage=lineage,
        **{"slot": AT, "error": None, **fields},
    )
    event = LineageEvent(type=event_type, at=AT, state=LineageState.PENDING)
    return run_event(
        run, event, namespace="docustore", output=Dataset(namespace="mongodb://db:27017", name="d.users")
    )


@pytest.mark.parametrize("event_type", LineageType)
def test_event_has_the_published_shape(event_type: LineageType) -> None:
    published = as_published(made(event_type, error="broken", id="6b0363a2c8e7e03b5a434154"))

    assert published.eventType.value == event_type.value
    assert published.eventTime == "2026-11-01T12:00:00.001Z"


def test_last_event_has_the_row_counts() -> None:
    start, end = (as_published(made(kind, id="6b")) for kind in (LineageType.START, LineageType.COMPLETE))

    assert (start.inputs[0].inputFacets, start.outputs[0].outputFacets) == ({}, {})
    assert end.inputs[0].inputFacets["inputStatistics"].rowCount == 9
    assert end.outputs[0].outputFacets["outputStatistics"].rowCount == 6
    assert start.run.runId == end.run.runId


def test_runs_have_different_ids() -> None:
    one, other = made(LineageType.START, id="1"), made(LineageType.START, id="2")

    assert one["run"]["runId"] != other["run"]["runId"]


@pytest.mark.parametrize(
    ("event_type", "slot", "error", "names"),
    [
        (LineageType.COMPLETE, AT, None, {"nominalTime"}),
        (LineageType.COMPLETE, None, "old", set()),
        (LineageType.FAIL, None, "broken", {"errorMessage"}),
        (LineageType.ABORT, AT, "cancelled", {"nominalTime", "errorMessage"}),
    ],
)
def test_run_facets(event_type: LineageType, slot: datetime | None, error: str | None, names: set[str]) -> None:
    assert set(made(event_type, slot=slot, error=error, id="1")["run"]["facets"]) == names


def test_schema_lists_the_fields_with_their_types() -> None:
    fields = made(LineageType.START, id="1")["outputs"][0]["facets"]["schema"]["fields"]

    by_name = {field["name"]: field for field in fields}
    assert by_name["email"] == {"name": "email", "type": "string"}
    assert by_name["roles"]["type"] == "array"
    assert by_name["created_at"]["type"] == "timestamp"
    assert {field["name"] for field in by_name["profile"]["fields"]} >= {"bio", "location", "preferences"}


@pytest.mark.parametrize(
    ("place", "namespace", "name"),
    [
        ("/exports/people.csv", "file", "/exports/people.csv"),
        ("https://crm.example.org/v1/users", "https://crm.example.org", "v1/users"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "/"),
        ("file:///exports/people.csv", "file", "/exports/people.csv"),
        ("postgresql+psycopg://db:5432/hr#people", "postgresql://db:5432", "hr.people"),
        ("sqlite:////var/hr.db#people", "sqlite", "//var/hr.db.people"),
        ("mongodb://db1:27017/crm.users", "mongodb://db1:27017", "crm.users"),
    ],
)
def test_input_is_named_by_its_address(place: str, namespace: str, name: str) -> None:
    assert input_dataset(place) == Dataset(namespace=namespace, name=name)


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("mongodb://ada:secret@db1:27017,db2:27017/?replicaSet=rs", "mongodb://db1:27017"),
        ("mongodb+srv://cluster.example.org/", "mongodb://cluster.example.org"),
    ],
)
def test_output_has_no_credentials(url: str, namespace: str) -> None:
    assert output_dataset(url, "docustore") == Dataset(namespace=namespace, name="docustore.users")

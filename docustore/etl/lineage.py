"""Lineage of runs: the outbox in their documents, and OpenLineage events. Pure.

The update that changes the state of a run also adds the event of that change to the run. So an event exists
exactly if the change does, without a second write.

See: https://openlineage.io/spec/2-0-2/OpenLineage.json
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from docustore import __version__
from docustore.etl.lineage_event import LineageEvent, LineageState, LineageType
from docustore.etl.models import EtlRun
from docustore.users.fields import MappedFields

PRODUCER: Final = f"urn:docustore:{__version__}"
_SPEC: Final = "https://openlineage.io/spec"
_EVENT_SCHEMA: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = {
    "schema": "1-2-0/SchemaDatasetFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "nominalTime": "1-0-1/NominalTimeRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset by the naming of OpenLineage, without secrets."""

    namespace: str
    name: str


def input_dataset(place: str) -> Dataset:
    """Name what a source reads.

    Args:
        place: The address of the source without secrets, or an absolute path.
    """
    parts = urlsplit(place)
    if parts.scheme in {"", "file"}:
        return Dataset(namespace="file", name=parts.path or place)
    # Without the driver: `postgresql+psycopg`.
    scheme = parts.scheme.partition("+")[0]
    table = f".{parts.fragment}" if parts.fragment else ""
    if not parts.netloc:
        return Dataset(namespace=scheme, name=f"{parts.path}{table}")
    return Dataset(namespace=f"{scheme}://{parts.netloc}", name=f"{parts.path.strip('/') or '/'}{table}")


def output_dataset(mongodb_url: str, database: str) -> Dataset:
    """Name the collection of users: the first host of the URL stands for the server."""
    hosts = urlsplit(mongodb_url).netloc.rpartition("@")[2]
    return Dataset(namespace=f"mongodb://{hosts.partition(',')[0]}", name=f"{database}.users")


def started(dataset: Dataset) -> Json:
    """Return the part of a pipeline update that adds START to a new run."""
    new = {
        "namespace": {"$literal": dataset.namespace},
        "name": {"$literal": dataset.name},
        "events": [_pending(LineageType.START)],
        "next_attempt_at": "$$NOW",
        "taken_until": None,
        "attempts": 0,
        "error": None,
    }
    return {"lineage": {"$cond": [_HAS_LINEAGE, "$lineage", new]}}


def ended(event_type: LineageType) -> Json:
    """Return the part of a pipeline update that adds the last event.

    A run without START gets none.
    """
    added = {"$concatArrays": ["$lineage.events", [_pending(event_type)]]}
    more = {"events": added, "next_attempt_at": "$$NOW", "attempts": 0}
    return {"lineage": {"$cond": [_HAS_LINEAGE, {"$mergeObjects": ["$lineage", more]}, None]}}


def run_event(run: EtlRun, event: LineageEvent, *, namespace: str, output: Dataset) -> Json:
    """Make the OpenLineage event of one transition of a run.

    Counts are those of the ledger: all of them for the last event, none for START.
    """
    if run.lineage is None:
        raise ValueError("the run has no lineage")
    is_last = event.type is not LineageType.START
    counts = run.counts
    written = counts.inserted + counts.updated + counts.deactivated
    return {
        "eventType": event.type.value,
        "eventTime": _time(event.at),
        "producer": PRODUCER,
        "schemaURL": _EVENT_SCHEMA,
        "run": {
            "runId": str(uuid5(NAMESPACE_URL, f"urn:docustore:run:{run.id}")),
            "facets": _run_facets(run, event),
        },
        "job": {"namespace": namespace, "name": f"etl.{run.source}", "facets": _job_facets()},
        "inputs": [
            {
                "namespace": run.lineage.namespace,
                "name": run.lineage.name,
                "facets": _schema(),
                "inputFacets": _facet("inputStatistics", rowCount=counts.read) if is_last else {},
            }
        ],
        "outputs": [
            {
                "namespace": output.namespace,
                "name": output.name,
                "facets": _schema(),
                "outputFacets": _facet("outputStatistics", rowCount=written) if is_last else {},
            }
        ],
    }


def _pending(event_type: LineageType) -> Json:
    return {"type": event_type.value, "at": "$$NOW", "state": LineageState.PENDING.value}


# Runs of older versions, and runs that started without a receiver, have none.
_HAS_LINEAGE: Final = {"$eq": [{"$type": "$lineage"}, "object"]}


def _run_facets(run: EtlRun, event: LineageEvent) -> Json:
    facets: Json = {}
    if run.slot is not None:
        facets |= _facet("nominalTime", nominalStartTime=_time(run.slot))
    if run.error and event.type in {LineageType.FAIL, LineageType.ABORT}:
        facets |= _facet("errorMessage", message=run.error, programmingLanguage="PYTHON")
    return facets


def _job_facets() -> Json:
    return _facet("jobType", processingType="BATCH", integration="DOCUSTORE", jobType="ETL")


def _schema() -> Json:
    schema = MappedFields.model_json_schema()
    return _facet("schema", fields=_fields(schema, schema.get("$defs", {})))


def _fields(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Json]:
    return [_field(name, part, definitions) for name, part in schema["properties"].items()]


def _field(name: str, part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Json:
    options = [option for option in part.get("anyOf", [part]) if option.get("type") != "null"]
    found = options[0]
    if "$ref" in found:
        found = definitions[found["$ref"].rpartition("/")[2]]
    kind = "timestamp" if found.get("format") == "date-time" else found.get("type", "string")
    nested = _fields(found, definitions) if "properties" in found else []
    return {"name": name, "type": kind} | ({"fields": nested} if nested else {})


def _facet(name: str, **content: Any) -> Json:
    kind = _FACETS[name].partition("/")[2]
    url = f"{_SPEC}/facets/{_FACETS[name]}.json#/$defs/{kind}"
    return {name: {"_producer": PRODUCER, "_schemaURL": url, **content}}


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Settings of every process: their names, limits, defaults and meaning.

Order of precedence: constructor arguments, the environment (prefix `DOCUSTORE_`), `docustore.toml` in the working
directory (or the file named by `DOCUSTORE_CONFIG`), the defaults in this module. Importing this module reads
nothing; `docustore.config_loading` does.
"""

from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from docustore.config_file import TomlFile, config_file
from docustore.quality_settings import RuleSettings, require_rule_names, time_of_check
from docustore.source_order import require_possible_order
from docustore.source_settings import SourceSettings, is_source_name

# Holds about a million user changes with images; that is how long a listener may be stopped.
DEFAULT_OPLOG_MIB: Final = 1024
# The server resizes no oplog to less.
MIN_OPLOG_MIB: Final = 990


class LostPositionPolicy(StrEnum):
    """The reaction of the listener when the server cannot resume its position."""

    SNAPSHOT = "snapshot"
    FAIL = "fail"
    RESET = "reset"


class Settings(BaseSettings):
    """All settings; the defaults are safe for development on one machine."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="DOCUSTORE_", env_ignore_empty=True, extra="forbid", hide_input_in_errors=True
    )

    mongodb_url: str | None = Field(None, description="MongoDB URL; unset = an embedded server")
    mongodb_database: str = Field("docustore", min_length=1, description="database name")
    redis_url: str | None = Field(None, description="Valkey or Redis URL; unset = an embedded server")
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8000, ge=0, le=65_535, description="port the API listens on; 0 = any free one")
    data_dir: Path = Field(Path(".docustore"), description="folder of the embedded servers")
    oplog_mib: int = Field(
        DEFAULT_OPLOG_MIB,
        ge=MIN_OPLOG_MIB,
        le=1_000_000,
        description="MiB of the oplog of an embedded MongoDB; it bounds how long the listener may be stopped",
    )
    admin_key: SecretStr | None = Field(
        None, description="bootstrap API key with scope admin; at least 32 characters unless `HOST` is loopback"
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses and networks (JSON array) whose X-Forwarded headers are believed"
    )
    auth_failures_per_min: int = Field(
        30, ge=0, description="refused keys and sign-ins per minute and client address; 0 = no limit"
    )
    password_writes_per_min: int = Field(
        600, ge=0, description="writes with a password per minute and key; 0 = no limit"
    )
    searches_per_min: int = Field(6000, ge=0, description="searches per minute and key; 0 = no limit")
    exports_per_min: int = Field(60, ge=0, description="exports per minute and key; 0 = no limit")
    queries_per_min: int = Field(120, ge=0, description="analytics queries per minute and key; 0 = no limit")
    query_max_documents: int = Field(
        2_000_000, ge=1, description="an analytics query that would read more documents than this is refused"
    )
    query_timeout_ms: int = Field(
        10_000, ge=10, le=600_000, description="milliseconds after which MongoDB stops an analytics query"
    )
    http_read_timeout_s: int = Field(
        30, ge=1, le=60, description="seconds in which a request's head must arrive, and then its body"
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="`console` for people, `json` for machines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe level logged"
    )

    etl_batch_size: int = Field(1000, ge=1, le=10_000, description="records classified and written together")
    etl_batches_in_flight: int = Field(3, ge=1, le=16, description="batches written at the same time")
    etl_lag_window_s: int = Field(
        300, ge=0, description="seconds before the watermark that are read again, for late commits"
    )
    etl_quarantine_budget_pct: float = Field(
        50.0, ge=0, le=100, description="a run fails above this percentage of quarantined records"
    )
    etl_verify_sample: int = Field(
        100, ge=0, le=10_000, description="written records that each run reads back and compares; 0 = none"
    )
    etl_lease_s: int = Field(
        30, ge=2, description="seconds without a heartbeat after which another worker takes a run over"
    )
    etl_stalled_s: int = Field(
        600, ge=1, description="seconds without a new record after which an attempt at a run ends"
    )
    etl_max_attempts: int = Field(5, ge=1, description="attempts at one run before it fails")
    etl_max_clock_ahead_s: int = Field(
        300, ge=0, description="a run fails if the clock of its source is ahead of ours by more seconds"
    )
    etl_max_future_s: int = Field(
        86_400, ge=0, description="maximum seconds of a record's time ahead of its source's clock"
    )
    etl_max_record_bytes: int = Field(
        1_000_000, ge=1024, le=8_000_000, description="a record is quarantined above this size in bytes"
    )

    changes_batch_size: int = Field(1000, ge=1, le=5000, description="events applied in one transaction")
    changes_lease_s: int = Field(
        10, ge=2, description="seconds without a heartbeat after which another listener takes over"
    )
    changes_partitions: int = Field(
        1,
        ge=1,
        le=32,
        description="parts of the users that listeners follow side by side; the newest listener decides",
    )
    changes_listeners: int = Field(1, ge=1, le=32, description="listener processes that `up` starts")
    changes_on_lost_position: LostPositionPolicy = Field(
        LostPositionPolicy.SNAPSHOT,
        description="when the oplog no longer reaches back: `snapshot`, `fail` or `reset`",
    )
    history_compact_after_days: int = Field(
        0, ge=0, le=36_500, description="the worker compacts states of users that ended more days ago; 0 = never"
    )
    changes_stalled_s: float = Field(
        300.0, gt=0, description="the listener is not ready if a change waits for more seconds without progress"
    )
    listener_metrics_host: str = Field("127.0.0.1", description="address of the listener's metrics")
    listener_metrics_port: int = Field(
        0, ge=0, le=65_535, description="port of the listener's metrics and health; 0 = none"
    )
    feed_max_readers: int = Field(
        2000, ge=1, le=20_000, description="readers of `GET /changes` per API process; one more gets 503"
    )
    feed_max_readers_per_key: int = Field(
        1000, ge=1, le=20_000, description="readers of `GET /changes` per key and API process; one more gets 429"
    )
    feed_buffer_events: int = Field(
        10_000,
        ge=10,
        le=1_000_000,
        description="newest changes kept in memory; a reader that falls further behind is disconnected",
    )
    feed_heartbeat_s: float = Field(
        15.0, gt=0, le=300, description="seconds without a change after which a stream gets a heartbeat"
    )
    feed_write_timeout_s: float = Field(
        20.0, gt=0, le=600, description="seconds after which a reader that takes nothing is disconnected"
    )
    outbox_lease_s: int = Field(
        30, ge=2, description="seconds without a heartbeat after which another worker delivers to a destination"
    )
    outbox_max_pending: int = Field(
        500_000, ge=1, description="a webhook or handler with more pending events is disabled"
    )
    outbox_stream_key: str | None = Field(None, min_length=1, description="Valkey key of a stream of all changes")
    outbox_stream_max_len: int = Field(100_000, ge=1, description="changes that the stream keeps, or a few more")
    webhook_private_networks: tuple[str, ...] = Field(
        (), description="private networks (JSON array) that webhooks may call, also without TLS"
    )
    migrate_max_lag_s: float = Field(
        30.0, ge=0, description="a migration stops when a secondary is more seconds than this behind"
    )
    migrate_min_free_mb: int = Field(
        1000, ge=0, description="a migration stops when MongoDB's disk has fewer free megabytes than this"
    )
    alert_urls: tuple[str, ...] = Field(
        (),
        description="addresses (JSON array) of alerts: http(s) URLs get a POST, others are apprise's",
    )
    report_mail_url: SecretStr | None = Field(
        None,
        description="apprise's address of the mail server for reports, such as `mailtos://user:password@host`",
    )
    lineage_url: str | None = Field(
        None, description="receiver of OpenLineage events: an http(s) URL, or a path to append to"
    )
    lineage_token: SecretStr | None = Field(None, description="bearer token for `LINEAGE_URL`")
    lineage_namespace: str = Field("docustore", min_length=1, description="OpenLineage namespace of the jobs")
    quality_check_at: str = Field(
        "02:30", description="time (UTC) of the nightly full check of the quality, such as `02:30`; `off` = never"
    )
    quality_hours_kept_days: int = Field(
        63, ge=35, le=3650, description="days after which the hours of the quality trend become one point a day"
    )
    warehouse_tracked: tuple[str, ...] = Field(
        ("email", "first_name", "last_name", "status", "profile.location", "roles", "tags"),
        description="fields of users (JSON array); a change of one starts a new row of `dim_user`",
    )
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="upstream systems by name")
    quality_rules: dict[str, RuleSettings] = Field(
        default_factory=dict, description="rules of data quality by name"
    )

    @field_validator("quality_check_at")
    @classmethod
    def _check_time_is_valid(cls, given: str) -> str:
        time_of_check(given)
        return given

    @field_validator("quality_rules")
    @classmethod
    def _rule_names_are_valid(cls, rules: dict[str, RuleSettings]) -> dict[str, RuleSettings]:
        require_rule_names(rules)
        return rules

    @field_validator("sources")
    @classmethod
    def _source_names_are_valid(cls, sources: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in sources:
            if not is_source_name(name):
                msg = (
                    f"source name {name!r}: use a-z, 0-9, - and _; `local` is reserved for writes through the API"
                )
                raise ValueError(msg)
        return sources

    @field_validator("sources")
    @classmethod
    def _order_is_possible(cls, sources: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        require_possible_order(sources)
        return sources

    @field_validator("trusted_proxies", "webhook_private_networks")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            try:
                ip_network(each)
            except ValueError as exc:
                msg = "use addresses such as 10.0.0.5 and networks such as 10.0.0.0/8"
                raise ValueError(msg) from exc
        return given

    @model_validator(mode="after")
    def _redis_url_needs_mongodb_url(self) -> Self:
        if self.redis_url is not None and self.mongodb_url is None:
            msg = "set DOCUSTORE_MONGODB_URL too: a configured server is never combined with an embedded one"
            raise ValueError(msg)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the constructor's arguments, then the environment, then the TOML file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlFile(settings_cls, toml_file=config_file())

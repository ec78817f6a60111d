"""Settings of every docustore process, read once by its entry point and passed down.

Order of precedence: arguments of the constructor, the environment (prefix `DOCUSTORE_`), `docustore.toml` in
the working directory (or the file named by `DOCUSTORE_CONFIG`), the defaults here. Importing this module
reads nothing.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from docustore.errors import ConfigurationError
from docustore.source_settings import SOURCE_NAME, SourceSettings

CONFIG_FILE_VARIABLE: Final = "DOCUSTORE_CONFIG"
DEFAULT_CONFIG_FILE: Final = "docustore.toml"


class LostPositionPolicy(StrEnum):
    """What the listener does when the server can no longer resume from its position."""

    SNAPSHOT = "snapshot"
    FAIL = "fail"
    RESET = "reset"


class Settings(BaseSettings):
    """Everything a process can be told; the defaults are safe for development on one machine."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="DOCUSTORE_", env_ignore_empty=True, extra="forbid", hide_input_in_errors=True
    )

    mongodb_url: str | None = Field(None, description="MongoDB address; unset = an embedded server")
    mongodb_database: str = Field("docustore", min_length=1, description="database name")
    redis_url: str | None = Field(None, description="Valkey or Redis address; unset = an embedded server")
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8000, ge=0, le=65_535, description="port the API listens on; 0 = any free one")
    data_dir: Path = Field(Path(".docustore"), description="folder of the embedded servers")
    admin_key: SecretStr | None = Field(None, description="bootstrap API key with scope admin")
    log_format: Literal["console", "json"] = Field(
        "console", description="`console` for people, `json` for machines"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe level logged"
    )

    etl_batch_size: int = Field(1000, ge=1, le=10_000, description="records classified and written at once")
    etl_batches_in_flight: int = Field(3, ge=1, le=16, description="batches being written at the same time")
    etl_lag_window_s: int = Field(
        300, ge=0, description="seconds read again before the watermark, for late commits"
    )
    etl_quarantine_budget_pct: float = Field(
        50.0, ge=0, le=100, description="percent of quarantined records above which a run fails"
    )
    etl_lease_s: int = Field(
        30, ge=2, description="seconds after which a run whose worker is silent is taken over"
    )
    etl_max_attempts: int = Field(5, ge=1, description="attempts at one run before it is failed")
    etl_max_future_s: int = Field(
        86_400,
        ge=0,
        description="seconds a record may lie ahead of its source's clock, and that clock ahead of ours",
    )
    etl_max_record_bytes: int = Field(
        1_000_000, ge=1024, le=8_000_000, description="bytes of one record above which it is quarantined"
    )

    changes_batch_size: int = Field(1000, ge=1, le=5000, description="events applied in one transaction")
    changes_lease_s: int = Field(10, ge=2, description="seconds after which a silent listener is replaced")
    changes_on_lost_position: LostPositionPolicy = Field(
        LostPositionPolicy.SNAPSHOT,
        description="`snapshot`, `fail` or `reset` when the oplog no longer reaches back",
    )
    alert_urls: tuple[str, ...] = Field(
        (),
        description="http(s) addresses (JSON array) told by POST when a run fails for good or the listener stops",
    )
    sources: dict[str, SourceSettings] = Field(default_factory=dict, description="upstream systems by name")

    @field_validator("sources")
    @classmethod
    def _names_fit_identity_keys(cls, sources: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in sources:
            if not SOURCE_NAME.fullmatch(name) or name == "local":
                msg = f"source name {name!r}: use a-z, 0-9, - and _; `local` is taken by the API's own writes"
                raise ValueError(msg)
        return sources

    @model_validator(mode="after")
    def _queue_has_its_store(self) -> Self:
        if self.redis_url is not None and self.mongodb_url is None:
            msg = "set DOCUSTORE_MONGODB_URL too: nothing is embedded beside a configured server"
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
        path = os.environ.get(CONFIG_FILE_VARIABLE, DEFAULT_CONFIG_FILE)
        return init_settings, env_settings, _TomlFile(settings_cls, toml_file=path)


class _TomlFile(TomlConfigSettingsSource):
    """The file, for settings that nothing before it gives.

    pydantic-settings merges tables: a child would read its sources beside those that its parent gave it.
    """

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name not in self.current_state}


Overrides = Annotated[object, "a setting's value, validated like one from the environment"]


def load_settings(**overrides: Overrides) -> Settings:
    """Read the settings from the environment and `docustore.toml`.

    Args:
        overrides: Settings that a command line gave; None leaves a setting as it is.

    Raises:
        ConfigurationError: A setting does not fit, or the file holds an unknown one; names it and the reason.
    """
    _reject_missing_config_file()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic parses them
    except ValidationError as exc:
        raise configuration_error(exc) from exc
    except SettingsError as exc:
        problem = f"{exc}; in the environment, lists and tables are written as JSON"
        raise ConfigurationError(setting="configuration", problem=problem) from exc
    except ValueError as exc:  # malformed TOML
        raise ConfigurationError(setting="configuration", problem=str(exc)) from exc


def configuration_error(error: ValidationError, *, within: str | None = None) -> ConfigurationError:
    """Name the first setting that does not fit, and why; never with its value.

    Args:
        within: The setting whose parts were validated.
    """
    first = error.errors()[0]
    path = [within, *first["loc"]] if within else first["loc"]
    name = ".".join(map(str, path)) or "settings"
    return ConfigurationError(setting=name, problem=first["msg"].removeprefix("Value error, "))


def _reject_missing_config_file() -> None:
    path = os.environ.get(CONFIG_FILE_VARIABLE)
    if path is not None and not Path(path).is_file():
        raise ConfigurationError(setting=CONFIG_FILE_VARIABLE, problem=f"no file at {path}")

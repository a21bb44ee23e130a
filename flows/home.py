"""One installation: its folder, settings, key and clock; what every command and flow is given."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

import click

from flows.settings import Settings, load_settings
from pipeline.access_log import AccessLog
from pipeline.key import Key, create_key, load_key


def announce(text: str) -> None:
    """Say on the error stream what is going on, so that standard output holds results alone."""
    click.echo(text, err=True)


@dataclass
class Home:
    """The folder that holds store, publications, layers and key, with the settings to work on it."""

    path: Path
    config_file: Path | None = None
    clock: datetime | None = None
    announce: Callable[[str], None] = field(default=announce, repr=False)

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config_file)

    @cached_property
    def key(self) -> Key:
        return load_key(self.path)

    @property
    def store(self) -> Path:
        return self.path / "store.duckdb"

    @property
    def published(self) -> Path:
        return self.path / "published.duckdb"

    @property
    def restricted(self) -> Path:
        return self.path / "restricted.duckdb"

    @property
    def layers(self) -> Path:
        return self.path / "layers"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def access_log(self) -> AccessLog:
        return AccessLog(self.path / "access.log")

    def now(self) -> datetime:
        """Return the clock that was passed in, or the system's; the one place that reads it."""
        return self.clock or datetime.now(UTC)

    def ensure(self) -> "Home":
        """Make the folder and its key where they are missing, and say so."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.store.exists() or self._has_key()):
            create_key(self.path)
            self.announce(
                f"new home {self.path}: made its key {self.path / 'key'}; keep a copy, nothing opens without it"
            )
        return self

    def _has_key(self) -> bool:
        return bool(os.environ.get("HARMSPOT_KEY")) or (self.path / "key").exists()

    def today(self) -> date:
        """Return the local day of the clock."""
        return self.now().astimezone(self.settings.force.zone).date()

    def midnight(self, day: date) -> datetime:
        """Return the local midnight that begins `day`, in UTC: what `--as-of DATE` means."""
        return datetime.combine(day, time(), tzinfo=self.settings.force.zone).astimezone(UTC)

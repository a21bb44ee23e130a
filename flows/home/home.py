"""One installation: its folder, settings, key and clock; what every command and flow is given."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

import click

from flows.home.settings import Settings, SettingsError, load_settings
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import Key, create_key, load_key
from pipeline.privacy.pii_guard import PSEUDONYM
from pipeline.privacy.pii_scan import may_name_somebody, refuse_pseudonyms
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.store.store import open_store


def progress(text: str) -> None:
    """Say on the error stream what is going on, so that standard output holds results alone."""
    click.echo(text, err=True)


@dataclass
class Home:
    """The folder that holds store, publications, layers and key, with the settings to work on it."""

    path: Path
    config_file: Path | None = None
    clock: datetime | None = None
    progress: Callable[[str], None] = field(default=progress, repr=False)

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config_file or self._remembered_config())

    @cached_property
    def key(self) -> Key:
        return load_key(self.path)

    def pseudonym_of(self, person: str) -> str:
        """Return the pseudonym of a person given by it or by the force's own id."""
        return person if re.fullmatch(PSEUDONYM, person) else Pseudonymiser(self.key.pseudonym)(person)

    def refuse_mentions(self, words: Mapping[str, str | None]) -> None:
        """Raise PersonMentionedError naming the field of `words` that names somebody; the store must not be open.

        It is opened only where something in the words could be a raw id.
        """
        refuse_pseudonyms(words)
        if self.store.exists() and may_name_somebody(words):
            with open_store(self.store, self.key, wait_s=self.settings.store.wait_s, progress=self.progress) as store:
                store.refuse_mentions(words)

    @property
    def consumer_group(self) -> str:
        """The group in which `stream` reads, of this home alone: in one group, two homes would each get a part."""
        own = f"harmspot-{self.key.home_name}"
        return self.settings.kafka.topic_prefix + (self.settings.stream.group or own)

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
        """Make the folder and its key where they are missing, and say so; nothing where the settings cannot be read."""
        _ = self.settings
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.store.exists() or self._has_key()):
            create_key(self.path)
            self.progress(
                f"new home {self.path}: made its key {self.path / 'key'}; keep a copy, nothing opens without it"
            )
        self._remember_config()
        return self

    @property
    def _memory(self) -> Path:
        return self.path / "config-path"

    def _remember_config(self) -> None:
        """Note the chosen configuration, relative to the home, so that later commands need not name it again."""
        if self.config_file is None:
            return
        named = os.path.relpath(self.config_file.resolve(), self.path.resolve())
        if not self._memory.exists() or self._memory.read_text(encoding="utf-8").strip() != named:
            self._memory.write_text(f"{named}\n", encoding="utf-8")
            self.progress(f"home {self.path} remembers its configuration {self.config_file}; --config overrides it")

    def _remembered_config(self) -> Path | None:
        """Return the configuration the home was last made or run with, None where it never had one.

        Raises SettingsError where that file is gone: the defaults in its place would rank other places.
        """
        if not self._memory.exists():
            return None
        remembered = self.path / self._memory.read_text(encoding="utf-8").strip()
        if not remembered.is_file():
            raise SettingsError(
                f"home {self.path} remembers its configuration {remembered.resolve()}, which is gone; "
                "name it with --config"
            )
        return remembered

    def _has_key(self) -> bool:
        return bool(os.environ.get("HARMSPOT_KEY")) or (self.path / "key").exists()

    def today(self) -> date:
        """Return the local day of the clock."""
        return self.day_of(self.now())

    def day_of(self, moment: datetime) -> date:
        """Return the local day of a moment."""
        return moment.astimezone(self.settings.force.zone).date()

    def local_text(self, moment: datetime) -> str:
        """Return a moment on the force's own clock, as people read it."""
        return f"{moment.astimezone(self.settings.force.zone):%Y-%m-%d %H:%M %Z}"

    def midnight(self, day: date) -> datetime:
        """Return the local midnight that begins `day`, in UTC: what `--as-of DATE` means."""
        return datetime.combine(day, time(), tzinfo=self.settings.force.zone).astimezone(UTC)

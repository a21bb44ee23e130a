"""One installation: its folder, settings, key and clock, passed to every command and flow."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cache, cached_property
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from flows.home import log
from flows.home.force import Force, force_of, hash_of, is_other, read_force
from flows.home.settings import Settings, SettingsError, load_settings
from models.governance.actors import is_thin
from models.users.look_alikes import name_problem
from pipeline.complete_file import remove_interrupted, write_complete
from pipeline.errors import KeyFileError, PublicationError, PurposeError, StoreError
from pipeline.local_time import local_text
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, Key, create_key, load_key
from pipeline.privacy.pii_guard import PSEUDONYM
from pipeline.privacy.pii_scan import may_name_somebody, refuse_pseudonyms
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.privacy.short_ids import short_id
from pipeline.shared_store.opening import Place, open_store
from pipeline.shared_store.server import Database
from pipeline.store.store_file import moved_to
from pipeline.users.session import Session
from pipeline.users.users import Users

if TYPE_CHECKING:
    from pipeline.wording.catalogue import Catalogue


UNNAMED = "has no configuration of its own: the settings are those of configs/default.yaml"


def _refuse_unsaid(reader: str, purpose: str) -> None:
    """Raise PurposeError for a reader who has no name or a purpose that says nothing."""
    if problem := name_problem(reader):
        raise PurposeError(f"the name of the reader {problem}")
    if is_thin(purpose):
        raise PurposeError(f"purpose {purpose!r} says too little: give at least two different words, which are logged")


def progress(text: str) -> None:
    """Log a progress message, on standard error, so that standard output holds results only."""
    log.write(text)


_database = cache(Database)  # asked often whether it is there


@dataclass
class Home:
    """The folder that holds store, publications, layers and key, with its settings and clock."""

    path: Path
    config_file: Path | None = None
    clock: datetime | None = None
    progress: Callable[[str], None] = field(default=progress, repr=False)
    is_same_force: bool = False  # the settings are of the home's own force, whatever it has learnt
    is_for_rehearsals: bool = False  # if the home is new, make it one for rehearsals
    session: Session | None = None  # who acts, once authenticated
    # Around talk with other machines: on the board it lets go of what other visitors wait for.
    apart: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, repr=False)
    is_protecting: bool = False  # an act that protects people, or a run, is being done: no clock blocks it

    @cached_property
    def settings(self) -> Settings:
        """The settings of the chosen configuration, else of the one recorded in the home."""
        return load_settings(self.config_file or self.remembered_config())

    def warn(self, text: str) -> None:
        """Log a message about what an operator should look at."""
        with log.logged(level=logging.WARNING):
            self.progress(text)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """The texts of pages and sheets in the force's language."""
        from pipeline.wording.catalogue import read_catalogue

        return read_catalogue(self.settings.force.language, self.settings.force.messages)

    @cached_property
    def key(self) -> Key:
        """The key of the home."""
        return load_key(self.path)

    def pseudonym_of(self, person: str) -> str:
        """Return the pseudonym of a person given as a pseudonym or as the force's own id."""
        return person if re.fullmatch(PSEUDONYM, person) else Pseudonymiser(self.key.pseudonym)(person)

    def short_id(self, source_id: str) -> str:
        """Return the keyed short id of a source's own id of an incident or warrant."""
        return short_id(source_id, self.key.ids)

    def refuse_mentions(self, words: Mapping[str, str | None]) -> None:
        """Raise PersonMentionedError if a text names a person; the store must not be open.

        The store is opened only if a text could contain a raw id.

        Parameters
        ----------
        words : Mapping[str, str | None]
            Texts by field name.

        Raises
        ------
        PersonMentionedError
            A text names a person; the error names its field.
        """
        refuse_pseudonyms(words)
        if self.store.exists() and may_name_somebody(words):
            with open_store(self.store, self.key, wait_s=self.settings.store.wait_s, progress=self.progress) as store:
                store.refuse_mentions(words)

    @property
    def consumer_group(self) -> str:
        """The consumer group of `stream`, unique to this home: two homes in one group would each get a part."""
        own = f"harmspot-{self.key.home_name}"
        return self.settings.kafka.topic_prefix + (self.settings.stream.group or own)

    @property
    def store_file(self) -> Path:
        """The path of the store if it is kept in a file."""
        return self.path / "store.duckdb"

    @property
    def store(self) -> Place:
        """Where the store is kept: its file, or the database that the settings or the home name.

        Raises
        ------
        SettingsError
            The settings name a database, and the store is in its file.
        """
        moved = moved_to(self.store_file)
        is_file = moved is None and self.store_file.exists()
        try:
            kept = self.settings.store
        except SettingsError:
            if is_file:
                return self.store_file
            raise
        if is_file and kept.engine == "postgresql":
            raise SettingsError(
                f"store.engine is postgresql, and the store of this home is the file {self.store_file}: move it with "
                "store.engine: duckdb and `harmspot store move --to postgresql ADDRESS`"
            )
        if kept.engine == "postgresql" or moved:
            return _database(kept.address or str(moved), self.path, kept.password_file)
        return self.store_file

    @property
    def published(self) -> Path:
        """The path of the publication about places."""
        return self.path / "published.duckdb"

    @property
    def restricted(self) -> Path:
        """The path of the restricted publication about people."""
        return self.path / "restricted.duckdb"

    @property
    def layers(self) -> Path:
        """The folder of map layers."""
        return self.path / "layers"

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.path / "report.html"

    @property
    def briefs(self) -> Path:
        """The folder of the morning briefs, one folder a day."""
        return self.path / "brief"

    @property
    def live_figures(self) -> Path:
        """The path of the figures that a stream keeps up to date."""
        return self.path / "live.parquet"

    @property
    def access_log(self) -> AccessLog:
        """The log of reads of restricted tables."""
        how = self.session.how if self.session else "rehearsal" if self.is_rehearsal else None
        return AccessLog(
            self.path / "access.log",
            self.key.log,
            authenticated=how,
            refuse=_refuse_unsaid,
            is_any_time=self.is_protecting,
            may_leap=self.is_rehearsal,
        )

    @property
    def users(self) -> Users:
        """The users of the home; raises StoreError if their file is missing but the access log knows of users."""
        users = Users(self.path / "users.duckdb", self.key.encryption)
        if not (users.path.exists() or self.is_rehearsal) and self.access_log.knows("add_user"):
            raise StoreError(
                f"{users.path} is missing, and this home has had users: restore it from a backup. Without it nobody "
                "knows who may read and decide, nor whose decisions are void"
            )
        return users

    @property
    def disabled_looks(self) -> frozenset[str]:
        """How the names of the disabled users look: what they left pending is void."""
        return frozenset(user.look for user in self.users.all() if user.disabled_at)

    @property
    def has_users(self) -> bool:
        """Whether a user was ever added."""
        return bool(self.users.all())

    @cached_property
    def is_rehearsal(self) -> bool:
        """Whether the home was made for rehearsals: names are typed in it, and its people are invented."""
        mark = self.path / "rehearsal"
        return mark.is_file() and compare_digest(mark.read_bytes().strip(), self.key.rehearsal.encode())

    def mark_rehearsal(self) -> None:
        """Make a new home one for rehearsals, for good; raises StoreError if a home is or was there."""
        kept = (self.store, self.users.path, self.restricted, self.published, self.access_log.path)
        if any(path.exists() for path in kept):
            raise StoreError(f"home {self.path} is there already; make another one for rehearsals")
        write_complete(self.path / "rehearsal", f"{self.key.rehearsal}\n".encode())
        self.__dict__.pop("is_rehearsal", None)

    def log_access(self, action: str, detail: Mapping[str, object], *, reader: str | None, purpose: str | None) -> None:
        """Append an entry to the access log, before anything is read or done; raises as `AccessLog.append`."""
        self.access_log.append(
            reader=reader, purpose=purpose, action=action, detail=dict(detail), now=self.acting().now()
        )

    def acting(self) -> "Home":
        """Return the home as it logs and records: by the system's clock, except in rehearsals.

        The clock that is passed in names a day of data; anybody may pass one, and a recorded time binds later acts.
        """
        return self if self.clock is None or self.is_rehearsal else replace(self, clock=None)

    def now(self) -> datetime:
        """Return the clock that was passed in, or the system clock; no other code reads the system clock."""
        return self.clock or datetime.now(UTC)

    def require(self) -> "Home":
        """Return the home if it is there and, where a configuration is named, of the force of that configuration.

        Raises
        ------
        StoreError
            The home has no store; the message names `init`, and nothing is made.
        SettingsError
            The named configuration is of another force.
        """
        self.refuse_lost_store()
        if not self.store.exists():
            raise StoreError(f"there is no home in {self.path}; make one with: harmspot --home {self.path} init")
        if self.config_file is not None:
            self.refuse_other_force()
        return self

    def refuse_lost_store(self) -> None:
        """Raise StoreError if publications stand here without the store that they were computed from.

        A new store, and a new key, would publish a fraction of what is known as the latest run.
        """
        left = [path.name for path in (self.published, self.restricted) if path.exists()]
        if left and not self.store.exists():
            raise StoreError(
                f"{self.store} is missing, and {' and '.join(left)} {'stand' if left[1:] else 'stands'} beside it: "
                "restore it from a backup, with the key it was made with. To begin anew, name another folder with "
                "--home; nothing was changed"
            )

    def refuse_foreign_publication(self) -> None:
        """Raise PublicationError if a run in the published file was published by another home."""
        from pipeline.publication.publish import runs

        others = set(runs(self.path)["home_name"].dropna()) - {self.key.home_name} if self._has_key() else set()
        if others:
            raise PublicationError(
                f"{self.published} holds runs of another home: restore this home's own from a backup, or move "
                "published.duckdb and restricted.duckdb away and run again"
            )

    def ensure(self) -> "Home":
        """Create the folder and its key if missing, and log it; create nothing if the settings cannot be read.

        Raises
        ------
        StoreError
            As `refuse_lost_store`.
        """
        _ = self.settings
        self.refuse_lost_store()
        self.path.mkdir(parents=True, exist_ok=True)
        remove_interrupted(self.path / "key")
        if not (self.store.exists() or self._has_key()):
            with suppress(KeyFileError):  # another process is first
                create_key(self.path)
                self.progress(
                    f"new home {self.path}: made its key {self.path / 'key'}; keep a copy, nothing can be opened "
                    "without it"
                )
        if self.is_for_rehearsals and not self.is_rehearsal:
            self.mark_rehearsal()
        return self

    @contextmanager
    def protecting(self) -> Iterator[None]:
        """Let no clock block what the block does, an act that protects people, also where the log is ahead of it."""
        before, self.is_protecting = self.is_protecting, True
        try:
            yield
        finally:
            self.is_protecting = before

    @contextmanager
    def made(self) -> Iterator["Home"]:
        """Make the home if it is missing, and remember its settings after the block; say so if the block fails.

        Raises
        ------
        SettingsError
            The settings or their areas cannot be read, or are of another force; nothing is made.
        """
        self.refuse_other_force()
        is_new = not self.store.exists()
        self.ensure()
        try:
            yield self
        except BaseException:
            if is_new:
                self.progress(f"home {self.path} was made before this failed, and stays; it remembers no configuration")
            raise
        self.remember()

    def remember(self) -> None:
        """Record the chosen configuration and the force as those of the home; call it once a command has succeeded."""
        kept, chosen = None if self.is_same_force else read_force(self._force_file), self.settings.force
        is_kept = self._is_of_boundaries(kept) and (kept.name, kept.time_zone) == (chosen.name, chosen.time_zone)
        found = None if is_kept else force_of(self.settings)
        self._remember_config()
        if found and found.box is not None:
            write_complete(self._force_file, found.as_json().encode())
            self.progress(f"home {self.path} is of the force {found.text()}")
        elif self.is_same_force:
            self._force_file.unlink(missing_ok=True)

    @property
    def force(self) -> Force | None:
        """The force of the home, None if it has not learnt it; raises SettingsError as `read_force`.

        A home of harmspot 0.1 or 0.2 is of the force of the configuration that it remembers, if that can be read.
        """
        return read_force(self._force_file) or self._remembered_force()

    def _remembered_force(self) -> Force | None:
        try:
            remembered = self.remembered_config()
            force = remembered and force_of(load_settings(remembered))
        except SettingsError:
            return None
        return force if force and force.box is not None else None

    def refuse_other_force(self, city: Force | None = None) -> None:
        """Raise SettingsError if the settings, or a city that has none yet, are of another force than the home.

        It raises also if the areas of the settings cannot be read.
        """
        held = None if self.is_same_force else self.force
        if city is None and self._is_of_boundaries(held):
            return
        found = city or force_of(self.settings)
        if held is not None and is_other(held, found):
            config = None if city else self.config_file or self.remembered_config()
            raise SettingsError(
                f"home {self.path} is of the force {held.text()}; {config or 'what you name'} is of {found.text()}. "
                "Name the home of that force with --home. If it is the same force, renamed or with new boundaries: "
                f"harmspot --home {self.path} --config {config or 'FILE'} init --same-force"
            )

    @property
    def _memory(self) -> Path:
        return self.path / "config-path"

    @property
    def _force_file(self) -> Path:
        return self.path / "force.json"

    def _is_of_boundaries(self, held: Force | None) -> TypeGuard[Force]:
        """Return whether the areas of the settings are those of a force, byte for byte: no geometry is read then."""
        found = hash_of(self.settings.force.areas)
        return held is not None and found is not None and found == held.boundaries_hash

    def _remember_config(self) -> None:
        """Record the path of the chosen configuration, relative to the home, as the default of later commands."""
        if self.config_file is None:
            if not self._memory.exists():
                self.progress(f"home {self.path} {UNNAMED}; name one with --config")
            return
        named = os.path.relpath(self.config_file.resolve(), self.path.resolve())
        if not self._memory.exists() or self._memory.read_text(encoding="utf-8").strip() != named:
            write_complete(self._memory, f"{named}\n".encode())
            self.progress(f"home {self.path} remembers its configuration {self.config_file}; --config overrides it")

    def remembered_config(self) -> Path | None:
        """Return the configuration the home was last created or run with, None if it never had one.

        Raises
        ------
        SettingsError
            That file is missing; the defaults would give different rankings.
        """
        if not self._memory.exists():
            return None
        remembered = self.path / self._memory.read_text(encoding="utf-8").strip()
        if not remembered.is_file():
            raise SettingsError(
                f"home {self.path} remembers its configuration {remembered.resolve()}, which is missing; "
                "name it with --config"
            )
        return remembered

    def _has_key(self) -> bool:
        return any(map(os.environ.get, (KEY_VARIABLE, KEY_FILE_VARIABLE))) or (self.path / "key").exists()

    def today(self) -> date:
        """Return the local day of the clock."""
        return self.day_of(self.now())

    def day_of(self, moment: datetime) -> date:
        """Return the local day of a moment."""
        return moment.astimezone(self.settings.force.zone).date()

    def local_text(self, moment: datetime) -> str:
        """Return a moment as text in the force's time zone."""
        return local_text(moment, self.settings.force.zone)

    def midnight(self, day: date) -> datetime:
        """Return the local midnight that begins `day`, in UTC: the meaning of `--as-of DATE`."""
        return datetime.combine(day, time(), tzinfo=self.settings.force.zone).astimezone(UTC)

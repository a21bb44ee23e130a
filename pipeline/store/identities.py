"""Raw ids behind the pseudonyms of people, and their deletion wherever the store holds them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.database import frame, query
from pipeline.loading.rows import Rows
from pipeline.messages.partners import case_id
from pipeline.privacy.erased_ids import erased_in
from pipeline.privacy.pii_scan import redact_words, refuse_mentions


class Identities(Rows):
    """The part of the store that knows who people are; `pipeline.store.interface` describes it."""

    def resolve_pseudonym(self, person_id: str) -> str | None:
        """Return the raw id behind a pseudonym, or None. Log the access before you call this."""
        return self.resolve_pseudonyms([person_id]).get(person_id)

    def resolve_pseudonyms(self, person_ids: Sequence[str]) -> dict[str, str]:
        """Return the raw ids of those pseudonyms that have one. Log the access before you call this."""
        return dict(self._rows("store/identities#resolved", {"person_ids": list(person_ids)}))

    def is_named(self, raw_person_id: str) -> bool:
        """Return whether a dead letter or a message contains a raw id, even one without an ingested event."""
        return any(self._rows_containing(table, [raw_person_id]) for table in ("store.dead_letter", "store.outbox"))

    def pseudonyms(self) -> list[str]:
        """Return the pseudonyms of everybody not erased, sorted."""
        return [person_id for (person_id,) in self._rows("store/identities#pseudonyms")]

    def raw_ids(self) -> list[str]:
        """Return the raw ids of everybody not erased, sorted: for what must not hold any, never to be shown."""
        return [raw_id for (raw_id,) in self._rows("store/identities#all")]

    def erased_ids_in(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return the raw ids of erased people that values of tables hold: never to be shown."""
        return erased_in(self._connection, tables)

    def held_about(self, person_ids: Sequence[str], raw_person_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Return what the store holds about the person of these ids by kind. Log the access before you call this."""
        ids = [*raw_person_ids, *person_ids]
        messages = sorted({row for each in person_ids for row in self._messages_about(each, ids)})
        kinds = ("identity", "registered", "same_people", "custody", "warrants", "incidents", "actions")
        found = {kind: self._subject(kind, {"person_ids": [*person_ids]}) for kind in kinds}
        waiting = pd.DataFrame({"letters": [len(self._rows_containing("store.dead_letter", ids))]})
        return {**found, "messages": self._subject("messages", {"rows": messages}), "dead_letters": waiting}

    def _subject(self, kind: str, parameters: dict[str, Any]) -> pd.DataFrame:
        return frame(self._connection, query(f"store/subject#{kind}"), parameters)

    def refuse_mentions(self, words: Mapping[str, str | None]) -> None:
        """Raise PersonMentionedError for a field of `words` that names a person by pseudonym or raw id."""
        refuse_mentions(self._connection, words)

    def redact_words(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with pseudonyms and raw ids redacted in its text columns."""
        return redact_words(self._connection, frame)

    def _delete_payloads(self, table: str, sql_name: str, ids: Sequence[str], parameters: dict[str, Any]) -> int:
        """Delete the payloads that contain one of the ids, and return their number."""
        held = self._rows_containing(table, ids)
        self._connection.execute(query(sql_name), {"rows": held, **parameters})
        return len(held)

    def _messages_about(self, person_id: str, ids: Sequence[str]) -> list[int]:
        """Return the rows of messages that contain one of the ids, or tell a partner of the person or of a letter.

        A partner without the field `person_ref` knows the person, and each letter, by a case id alone.
        """
        letters = [notice_id for (notice_id,) in self._rows("store/outbox#letters_to", {"person_id": person_id})]
        topics = [topic for (topic,) in self._rows("store/outbox#topics")]
        keys = [case_id(topic, entity_id) for topic in topics for entity_id in (person_id, *letters)]
        rows = [number for (number,) in self._rows("store/outbox#about", {"keys": keys})]
        return sorted({*rows, *self._rows_containing("store.outbox", ids)})

    def _rows_containing(self, table: str, ids: Sequence[str]) -> list[int]:
        """Return the rows whose payload contains one of the ids; it is searched as bytes, as it may not be text.

        An id is found in plain or JSON-escaped form, not preceded or followed by a letter or digit: P1 is not in P12.
        """
        if not ids:
            return []
        forms = {form for i in ids for form in (i, json.dumps(i)[1:-1], json.dumps(i, ensure_ascii=False)[1:-1])}
        any_form = b"|".join(re.escape(form.encode()) for form in sorted(forms, key=len, reverse=True))
        held_id = re.compile(rb"(?<![0-9A-Za-z])(" + any_form + rb")(?![0-9A-Za-z])")
        rows = self._connection.execute(f"SELECT rowid, payload FROM {table}").fetchall()  # noqa: S608 - our tables
        return [number for number, payload in rows if held_id.search(bytes(payload))]

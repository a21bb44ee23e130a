"""Which ids are one person: events join and part pairs of ids, and whatever hangs together is one person."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from pipeline.database import Connection, query
from pipeline.local_time import LATEST


@dataclass(frozen=True, slots=True)
class SamePeople:
    """People with several ids; the least of their pseudonyms, which are random, stands for all of them.

    `one_ids` has that of each of their ids; by it, `all_ids` has these, sorted, and `since` when the last of the joins
    became known.
    """

    one_ids: Mapping[str, str] = field(default_factory=dict, repr=False)
    all_ids: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    since: Mapping[str, datetime] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str, datetime]]) -> "SamePeople":
        """Return the people of pairs of ids that are one person, with the time at which each pair became known."""
        pairs = list(pairs)
        parent: dict[str, str] = {}

        def root(person_id: str) -> str:
            while (above := parent.setdefault(person_id, person_id)) != person_id:
                parent[person_id] = parent[above]
                person_id = above
            return person_id

        for one, other, _ in pairs:
            least, greater = sorted((root(one), root(other)))
            parent[greater] = least
        one_ids = {person_id: root(person_id) for person_id in sorted(parent)}
        all_ids: dict[str, list[str]] = {}
        for person_id, one_id in one_ids.items():
            all_ids.setdefault(one_id, []).append(person_id)
        since: dict[str, datetime] = {}
        for one, _, at in pairs:
            since[root(one)] = max(at, since.get(root(one), at))
        return cls(one_ids, all_ids, since)

    def one_id(self, person_id: str) -> str:
        """Return the id that stands for the person."""
        return self.one_ids.get(person_id, person_id)

    def ids(self, person_id: str) -> list[str]:
        """Return all ids of the person, sorted."""
        return self.all_ids.get(self.one_id(person_id), [person_id])

    def everyone(self, person_ids: Collection[str]) -> set[str]:
        """Return the ids, and all others of the same people."""
        return {each for person_id in person_ids for each in self.ids(person_id)}

    def parted_since(self, before: "SamePeople") -> set[str]:
        """Return the one ids of people who counted as one, as `before` has it, with an id that is theirs no more."""
        groups = ({self.one_id(each) for each in ids} for ids in before.all_ids.values())
        return {each for group in groups if len(group) > 1 for each in group}

    def in_one(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows of a table of people with the one id of each in `person_id`."""
        return rows.assign(person_id=rows["person_id"].map(self.one_id).astype("str")) if self.one_ids else rows


def same_people_at(connection: Connection, known_at: datetime = LATEST) -> SamePeople:
    """Return the people with several ids as the attached `store` knew them; makes `same_person_snapshot`."""
    connection.execute(query("snapshot/same_person_snapshot"), {"known_at": known_at})
    return same_people_in(connection)


def same_people_in(connection: Connection) -> SamePeople:
    """Return the people with several ids of a snapshot, by its connection."""
    return SamePeople.of(connection.execute(query("store/same_people#joined")).fetchall())

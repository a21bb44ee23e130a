"""The file that says to which groups people belong: read by the fairness audit alone, and stored nowhere."""

from pathlib import Path

import pandas as pd

from flows.home.home import Home
from models.outcomes.fairness import EVERYBODY
from pipeline.errors import SettingsError
from pipeline.reference_table import Column, TableFile
from pipeline.store.same_people import SamePeople

MOST_GROUPS = 20  # of one grouping; a column with more is no grouping of people


def read_groups(home: Home, path: Path) -> pd.DataFrame:
    """Return the groups of people by pseudonym.

    Parameters
    ----------
    home : Home
        Its key turns the force's own ids into pseudonyms; they may be given as pseudonyms, too.
    path : Path
        CSV with person_id, each once, and a column for each grouping; a blank cell is not stated.

    Returns
    -------
    pd.DataFrame
        Index person_id (pseudonyms); one column for each grouping, missing where not stated.

    Raises
    ------
    SettingsError
        The file cannot be read, has no grouping, repeats a person, or a column has more than `MOST_GROUPS` groups, or
        one called everybody.
        No message quotes a value of the file.
    PersonMentionedError
        The name of a column or of a group is somebody's id.
    """
    file = TableFile(path, "groups of people", is_of_people=True)
    table = file.read({"person_id": Column("a person's id")})
    person_id = table["person_id"].map(home.pseudonym_of)
    file.refuse(table["person_id"], person_id.duplicated(), "each person once")
    groups = table.drop(columns="person_id").replace("", None).set_axis(pd.Index(person_id, name="person_id"))
    if groups.columns.empty:
        raise SettingsError(f"groups of people {path}: no column beside person_id; add one for each grouping")
    for number, name in enumerate(groups, start=1):
        refuse_everybody(groups[name], f"groups of people {path}")
        if (found := groups[name].nunique()) > MOST_GROUPS:
            raise SettingsError(
                f"groups of people {path}, grouping {number}: {found} groups, expected {MOST_GROUPS} at most; give "
                "wider groups, and leave out columns that are no grouping"
            )
    names = [*groups, *sorted({each for name in groups for each in groups[name].dropna()})]
    home.refuse_mentions({f"name {number} in {path.name}": name for number, name in enumerate(names, start=1)})
    return groups


def in_one(groups: pd.DataFrame, same: SamePeople, path: Path) -> pd.DataFrame:
    """Return the groups by the one id of each person; SettingsError if ids of one person have different groups."""
    by_person = groups.groupby(groups.index.map(same.one_id).rename("person_id"), sort=False)
    if (count := int(by_person.nunique().gt(1).any(axis=1).sum())) > 0:
        raise SettingsError(
            f"groups of people {path}: {count} people stand in it under several ids with different groups; give each "
            "person one group"
        )
    return by_person.first()


def refuse_everybody(groups: pd.Series, what: str) -> None:
    """Raise SettingsError if a group has the name of the row that holds everybody."""
    if groups.eq(EVERYBODY).any():
        raise SettingsError(f"{what}: a group is called {EVERYBODY!r}, as the row of all is; call it otherwise")

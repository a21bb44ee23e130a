"""The tables enforcement_ledger and arrest_policy, from what was done."""

import duckdb
import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import PeopleFrames, query
from flows.measures.done import Done, shifts_of
from models.outcomes.ledger import arrest_policy, enforcement_ledger
from models.outcomes.periods import local_days
from models.people_lists.arrest_policy import possession_only_at_arrest


def ledger_tables(
    connection: duckdb.DuckDBPyConnection,
    identity: RunIdentity,
    done: Done,
    people: PeopleFrames,
    codebook: pd.DataFrame,
    displacement: pd.DataFrame,
    watch: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return enforcement_ledger and arrest_policy less run columns."""
    zone = identity.settings.force.time_zone
    staffing = query(connection, "ledger#staffing")
    staffing = staffing.assign(on=local_days(staffing["shift_start"], zone))
    only_possession = possession_only_at_arrest(done.arrests, people.events, people.warrants, codebook)
    return {
        "enforcement_ledger": enforcement_ledger(
            done.periods, done.actions, done.arrests, staffing, done.first_records, displacement, watch,
            as_of=pd.Timestamp(identity.as_of), time_zone=zone,
        ),
        "arrest_policy": arrest_policy(done.periods, done.arrests, only_possession, shifts_of(done.arrests, identity)),
    }  # fmt: skip

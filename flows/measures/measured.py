"""The tables of a run that measure what was done and what came of it. Nothing else in the run reads them."""

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map, PeopleFrames
from flows.inputs.report_history import MapReports
from flows.measures.consequences import consequences
from flows.measures.done import read_done
from flows.measures.harm_matrix import harm_matrix
from flows.measures.ledger import ledger_tables
from flows.measures.operation_effects import operation_effects
from flows.measures.scoreboard import scoreboard_table
from models.outcomes.unit_costs import price


def measure_outcomes(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    geography: Map,
    operations: pd.DataFrame,
    codebook: pd.DataFrame,
    displacement: pd.DataFrame,
    overdose_watch: pd.DataFrame,
    reports: MapReports,
    *,
    people: PeopleFrames,
    place_actions: pd.DataFrame,
    site_events: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return the measuring tables less run columns, by name; call `place_incidents` on the connection first.

    `operations`, `place_actions`, `site_events` and `overdose_watch` are those of `plan_frames`; what column is_hidden
    marks is named in no table, nor is the withheld ground of `reports`.
    """
    as_of, settings = identity.as_of, identity.settings
    done = read_done(connection, identity, geography, operations, people, codebook)
    ledger = ledger_tables(connection, identity, done, people, codebook, displacement, overdose_watch)
    scoreboard = scoreboard_table(connection, identity, done, place_actions, site_events, displacement)
    counted = {**ledger, "scoreboard": scoreboard}
    return {
        "consequence": consequences(connection, operations, displacement, overdose_watch, as_of, settings),
        **counted,
        "enforcement_cost": price(counted, settings.force.unit_costs),
        "harm_matrix": harm_matrix(home, identity, connection, geography, codebook, ledger["enforcement_ledger"]),
        **operation_effects(reports, operations, displacement, as_of, settings),
    }

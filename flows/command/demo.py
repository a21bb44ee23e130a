"""`harmspot demo`: the complete pipeline on a simulated town."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.options import FOLDER, Day, pass_any_home

if TYPE_CHECKING:
    from flows.home.home import Home

HISTORY_DAYS = 730
EFFECT_DAYS = 90  # from the registration of the expected effect of a list to its stop date
SHOWN = {"areas": 12, "cells": 5, "markets": 10, "crackdowns": 5, "notices": 5}  # rows printed of each table


@click.command("demo")
@click.option(
    "--folder",
    type=FOLDER,
    default=Path("demo"),
    help="Folder for the town and its home; an earlier demo in it is replaced.",
)
@click.option("--seed", type=int, default=1, help="Seed of the town.")
@click.option("--as-of", type=Day(), help="Day of the run (default: today, so that its lists have not expired).")
def command(folder: Path, seed: int, as_of: date | None) -> None:
    """Simulate a town, consume its events, do the daily run as a Prefect flow, and print the results.

    Of people, only counts are printed.

    \b
    Example:
      harmspot demo --seed 7
    """
    from flows.schedule.prefect_server import prefect_server

    _clear_earlier_demo(folder)
    with prefect_server(folder / "home") as wait_for_server:  # before anything that takes long to import
        run_demo(folder, seed, as_of, wait_for_server)


@pass_any_home
def run_demo(chosen: "Home", folder: Path, seed: int, as_of: date | None, wait_for_server: Callable[[], str]) -> None:
    """Simulate, load, run as a Prefect flow; print the places, counts of people and paths of the files.

    Of the chosen home only the clock is used: the demo has a home of its own.
    """
    from flows.command.printing import print_frame
    from flows.command.show import read_table, shown_table
    from flows.human_log.audit_events import audit_report
    from flows.human_log.ledger import read_ledger
    from flows.ingest.ingest import load_file
    from flows.simulation.town import write_town
    from models.simulate import SideEffects

    now, progress = chosen.now(), chosen.progress
    as_of = as_of or now.date()
    home = _home_in(folder, as_of, now, progress)
    progress(f"simulating a town (seed {seed}, {HISTORY_DAYS} days) in {folder}")
    town = write_town(folder, seed=seed, days=HISTORY_DAYS, end=as_of, side_effects=SideEffects())
    home.ensure()
    progress(f"loading {town.event_count:,} records")
    counts = load_file(home, town.events, None)
    progress(
        f"rows in {counts.rows_in:,} = versions stored {counts.stored:,} + duplicates {counts.duplicates:,} "
        f"+ dead letters {counts.dead:,}"
    )
    from flows.schedule.prefect_flows import daily

    wait_for_server()
    summary = daily(home.path, home.config_file, as_of, None, home.clock)
    home.remember()
    for name, limit in SHOWN.items():
        shown = shown_table(name)
        frame = read_table(home, shown, summary.run_id, purpose=None, reader=None).head(limit)
        print_frame(frame, title=f"\n{name}", as_json=False, columns=shown.columns)
    _register_effects(home)
    audits = ["report", "state", "signed_by", "fresh_until"]
    print_frame(
        audit_report(home, read_ledger(home)),
        title="\naudits that lists depend on",
        as_json=False,
        columns=audits,
    )
    progress(summary.text())
    progress("people (counts only): " + ", ".join(f"{name} {n}" for name, n in summary.people_counts.items()))
    for path in (home.published, home.restricted, home.layers, home.report):
        progress(f"  {path}")


def _register_effects(home: "Home") -> None:
    """Register the expected effects of the lists that choose people, and print the lists, all still unapproved."""
    from flows.command.printing import print_frame
    from flows.decisions.list_effects import register_effect
    from flows.human_log.ledger import read_ledger
    from flows.human_log.list_events import effect_rows
    from flows.human_log.list_runs import shown_lists
    from models.governance.list_effects import CHOSEN_LISTS

    stop_on = home.today() + timedelta(days=EFFECT_DAYS)
    for name in CHOSEN_LISTS:
        register_effect(
            home,
            name,
            outcome="harm reported of those listed, until the stop date",
            comparison="those just below the list",
            stop_on=stop_on,
            by="Supt. A. Lee, invented for the demo",
        )
    effects = ["list", "outcome", "comparison", "registered_by", "stops_at"]
    ledger = read_ledger(home)
    print_frame(effect_rows(ledger), title="\neffects of lists, registered", as_json=False, columns=effects)
    lists = ["list_id", "status", "entries", "valid_to", "approved_by"]
    print_frame(shown_lists(home, ledger, None), title="\nlists of people (counts only)", as_json=False, columns=lists)


def _clear_earlier_demo(folder: Path) -> None:
    """Remove an earlier demo from the folder; raise SettingsError if the folder holds anything else."""
    from pipeline.errors import SettingsError

    if not folder.exists() or not any(folder.iterdir()):
        return
    config_file = folder / "config.yaml"
    is_demo = config_file.is_file() and "Simulated town" in config_file.read_text(encoding="utf-8")
    was_interrupted = {*folder.glob("*"), *folder.glob("home/*")} == {folder / "home", folder / "home" / "prefect"}
    if not (is_demo or was_interrupted):
        raise SettingsError(f"{folder} contains something other than a demo; choose another folder with --folder")
    shutil.rmtree(folder)


def _home_in(folder: Path, as_of: date, now: datetime, progress: Callable[[str], None]) -> "Home":
    """Return the demo's home, with its clock set to noon of the day of the run.

    If that day is today and noon is in the future, the clock is `now`: later commands must not precede the demo's.
    """
    from flows.home.home import Home

    noon = datetime.combine(as_of, time(12), tzinfo=UTC)
    clock = min(noon, now) if as_of == now.date() else noon
    return Home(folder / "home", folder / "config.yaml", clock, progress, is_for_rehearsals=True)

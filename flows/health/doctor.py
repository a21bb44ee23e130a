"""Check an installation: one finding per check, with the remedy for each problem."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import pandas as pd

from flows.brief.state import read_last_brief
from flows.decisions.list_effects import lacking_effect
from flows.health.growth import growth
from flows.health.retention import due, past_edge
from flows.health.stream_health import clock, live_figures, sources, waiting
from flows.home.cron_lines import refuse_bad_cron
from flows.home.home import UNNAMED, Home
from flows.home.served import is_served, missed_run
from flows.human_log.audit_events import audit_report, halt_of
from flows.human_log.integrity import check_log
from flows.human_log.ledger import read_ledger
from flows.human_log.list_runs import human_changes, shown_lists
from flows.ingest.ingest import harm_days
from flows.inputs.assembly import read_map
from flows.run.quality import map_repairs, repair_lines
from pipeline.database import DatabaseError, connect, explained
from pipeline.errors import HarmspotError, StoreBusyError, StoreError
from pipeline.privacy.access_log import NO_MARK
from pipeline.privacy.keys import is_rotating
from pipeline.publication.duckdb_file import logs_of
from pipeline.publication.publish import changed_tables, read_published, runs, unchecked_runs, unusable_run
from pipeline.shared_store.opening import open_store
from pipeline.sources.registry import Finding, State
from pipeline.store.interface import StoreHealth

LEAST_FREE_BYTES = 1 << 30
LEAST_SPARE_BYTES = 1 << 26  # beyond the copies of both publications: report, layers, log
STORE_WAIT_S = 5.0
RUN_LASTS = timedelta(hours=1)  # a scheduled run may take this long before it is missed
AUDIT_NOTICE = timedelta(days=7)  # warn this long before a report is due


def examine(home: Home) -> pd.DataFrame:
    """Run every check and return check, state (ok, warning, fault), detail, value; a failing check does not raise."""
    with home.protecting():  # a wrong clock is a finding, and stops no check
        return _examine(home)


def _examine(home: Home) -> pd.DataFrame:
    health, store_finding = _store(home)
    unchecked = _unchecked(home, store_finding)
    findings = [Finding(name, "warning", f"not checked: see {why}") for name, why in unchecked.items()]
    for name, check in CHECKS.items():
        findings += [] if name in unchecked else _outcomes(name, partial(_single, name, check, home))
    findings += _outcomes("quality", lambda: _quality(home))
    findings.append(store_finding)
    if health and "settings" not in unchecked.values():
        findings += _outcomes("dead letters", lambda: waiting(home, health))
        findings += _outcomes("clock", lambda: clock(home, health))
        findings += _outcomes("growth", lambda: [growth(home, health)])
    findings += [] if "kafka" in unchecked else _outcomes("kafka", lambda: sources(home, health))
    return pd.DataFrame(findings, columns=list(Finding._fields))


def _unchecked(home: Home, store: Finding) -> dict[str, str]:
    """Return the checks that would only repeat what another finds, and the name of that one."""
    try:
        _ = home.settings
    except HarmspotError:
        return {name: "settings" for name in (*CHECKS, "kafka") if name not in NEED_NO_SETTINGS}
    return dict.fromkeys(NEED_STORE, "store") if store.state == "fault" else {}


def _single(name: str, check: Callable[[Home], tuple[State, str]], home: Home) -> list[Finding]:
    return [Finding(name, *check(home))]


def _outcomes(name: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except StoreBusyError as error:
        return [Finding(name, "warning", str(error))]
    except (HarmspotError, ValueError, OSError, DatabaseError) as error:
        return [Finding(name, "fault", str(explained(error)))]


def _packages(home: Home) -> tuple[State, str]:
    names = ("duckdb", "duckdb-extension-httpfs", "prefect", "fastapi", "kafka-python")
    versions = {name: version(name) for name in names}
    if versions["duckdb"] != versions["duckdb-extension-httpfs"]:
        return "fault", "duckdb and duckdb-extension-httpfs differ in version: install from requirements.lock"
    return "ok", ", ".join(f"{name} {number}" for name, number in versions.items())


def _encryption(home: Home) -> tuple[State, str]:
    connect().close()
    return "ok", "DuckDB can write encrypted files"


def _settings(home: Home) -> tuple[State, str]:
    home.refuse_other_force()
    unnamed = "" if home.config_file or home.remembered_config() else f"; the home {UNNAMED}"
    return "ok", f"{home.settings.force.name}, {home.settings.force.time_zone}{unnamed}"


def _schedule(home: Home) -> tuple[State, str]:
    refuse_bad_cron(home.settings)
    schedule = home.settings.schedule
    told = f"daily run at {schedule.daily}, late runs at {schedule.late}, in {home.settings.force.time_zone}"
    is_up, missed = is_served(home.path), missed_run(home)
    if is_up is None and runs(home.path).empty:
        missed = None  # check `publication` says that there is no run yet
    if missed:
        when = "today" if missed.day == home.today() else str(missed.day)
        told = f"no run for {when}, due at {home.local_text(missed.due_at)}"
    if is_up is None:
        way_out = f"; `harmspot --home {home.path} run` does it" if missed else ""
        return "warning" if missed else "ok", f"{told}{way_out}; `harmspot schedule` has never served this home"
    served = "" if is_up else f"; nothing serves it: start `harmspot --home {home.path} schedule`"
    if missed:
        is_late = not is_up or home.now() - missed.due_at >= RUN_LASTS
        way_out = served or "; the log of `harmspot schedule` says why, `harmspot run` repeats it"
        return "fault" if is_late else "warning", f"{told}{way_out}"
    return ("ok" if is_up else "warning"), f"{told}{served}"


def _brief(home: Home) -> tuple[State, str]:
    if not home.settings.schedule.brief:
        return "ok", "no morning brief is written: schedule.brief is false"
    last = read_last_brief(home)
    again = f"`harmspot --home {home.path} brief"
    if last and last.problem:
        return "warning", f"no morning brief of run {last.run_id}: {last.problem}. When it is mended: {again}`"
    if last and last.mail_problem:
        some = last.mailed_run_id == last.run_id
        told = f"not mailed{' to all' if some else ''}: {last.mail_problem}."
        mail = f"{again} --mail`"
        way_out = f"Correct mail.recipients; {mail} sends it to all again" if some else f"Send it: {mail}"
        return "warning", f"the brief of run {last.run_id} was {told} {way_out}"
    return "ok", f"the latest is of run {last.run_id}" if last else "the next daily run writes the first"


def _map(home: Home) -> tuple[State, str]:
    geography = read_map(home.settings)
    further = "".join(f", {len(areas)} of set {name!r}" for name, areas in sorted(geography.further.items()))
    repairs = map_repairs(geography)
    state: State = "warning" if any(is_warning for _, _, _, is_warning, _ in repairs) else "ok"
    found = (
        f"{len(geography.areas)} areas{further}, {len(geography.cells):,} cells of {geography.grid.size_m:g} m "
        f"in {geography.grid.crs}"
    )
    return state, "; ".join([found, *repair_lines(repairs)])


def _codebook(home: Home) -> tuple[State, str]:
    return "ok", f"{len(harm_days(home))} offence codes in force"


def _folder(home: Home) -> tuple[State, str]:
    if not home.path.is_dir():
        return "fault", f"{home.path} is not a folder: create it with `harmspot --home {home.path} init`"
    free = shutil.disk_usage(home.path).free
    sizes = {path: path.stat().st_size for path in (home.published, home.restricted, home.store_file) if path.exists()}
    told = f"{home.path} holds {sum(sizes.values()) / 1e9:.2f} GB in databases, {free / 1e9:.2f} GB are free"
    store = sizes.pop(home.store_file, 0)
    if free < sum(sizes.values()) + LEAST_SPARE_BYTES:
        return "fault", f"{told}: a run writes both publications beside the old ones, and they do not fit; make room"
    if free < max(store, LEAST_FREE_BYTES):
        return "warning", f"{told}: an erasure writes the store anew beside the old one, and may not fit; make room"
    return "ok", told


def _store(home: Home) -> tuple[StoreHealth | None, Finding]:
    """Return the health of the store, if it opens, and a finding; a store held by a writer is not checked."""
    try:
        home.refuse_lost_store()
        if not home.store.exists():
            detail = f"{home.store} is missing: create it with `harmspot --home {home.path} init`"
            return None, Finding("store", "fault", detail)
        with open_store(home.store, home.key, wait_s=STORE_WAIT_S, progress=home.progress) as store:
            return store.health(), Finding("store", "ok", "opens with the key")
    except StoreBusyError as error:
        return None, Finding("store", "warning", f"not checked: {error}")
    except (HarmspotError, ValueError, OSError, DatabaseError) as error:
        return None, Finding("store", "fault", str(explained(error)))


def _publication(home: Home) -> tuple[State, str]:
    kept = runs(home.path)
    if kept.empty and home.store.exists() and read_ledger(home).about("run", kinds=["began"]):
        return "fault", (
            f"{home.published} is missing or empty, though there were runs: restore it and restricted.duckdb from a "
            f"backup, or run again: `harmspot --home {home.path} run`, and `backfill` for earlier days"
        )
    if kept.empty:
        return "warning", f"no run yet: `harmspot --home {home.path} run`"
    latest = kept.iloc[-1]
    state: State = "ok" if latest["valid_to"] > pd.Timestamp(home.now()) else "warning"
    expiry = "valid until" if state == "ok" else "EXPIRED at"
    return (
        state,
        f"{len(kept)} runs kept; the latest is {latest['run_id']}, {expiry} {home.local_text(latest['valid_to'])}",
    )


def _quality(home: Home) -> list[Finding]:
    """Return what the checks of the latest run say, and the unusable runs that are kept."""
    kept = runs(home.path)
    if kept.empty:
        return [Finding("quality", "ok", "no run yet")]
    if said := unusable_run(home.path):
        return [Finding("quality", "fault", f"{said} Load what is missing, then run again")]
    checks = read_published(home.path, "quality_check")
    doubtful = checks[checks["outcome"] != "passed"]
    found = [
        Finding("quality", "warning", f"{row['detail']} {row['way_out']}", row["value"])
        for _, row in doubtful.iterrows()
    ]
    if unusable := kept.loc[~kept["is_usable"], "run_id"].tolist():
        detail = f"unusable runs are kept beside it: {', '.join(unusable)}; readers get the latest usable run"
        found.append(Finding("quality", "warning", detail))
    return found or [Finding("quality", "ok", f"the latest run passed {len(checks)} checks")]


def _published_rows(home: Home) -> tuple[State, str]:
    """Compare every table of every kept run with what was published, and look for the log of another writer."""
    if not home.published.exists():
        return "ok", "nothing is published yet"
    home.refuse_foreign_publication()
    if changed := changed_tables(home.path, home.key):
        return "fault", (
            f"{len(changed)} tables are not what was published, first {changed[0]}: something else wrote to the file, "
            "or the disk damaged it. Restore published.duckdb and restricted.duckdb from a backup, or move both away "
            f"and run again: `harmspot --home {home.path} run`, and `backfill` for earlier days"
        )
    if logs := [log.name for path in (home.published, home.restricted) for log in logs_of(path)]:
        return "warning", (
            f"{', '.join(logs)}: somebody has the file open for writing, or died doing so. harmspot leaves it out and "
            "the next run removes it, but others would see what was written: open published files with -readonly"
        )
    if unchecked := unchecked_runs(home.path, home.key):
        checked = len(runs(home.path)) - len(unchecked)
        return "ok", (
            f"every table of {checked} kept runs is what was published; "
            f"{len(unchecked)} runs of an earlier version cannot be checked"
        )
    return "ok", "every table of every kept run is what was published"


def _access_log(home: Home) -> tuple[State, str]:
    try:
        problems, told = check_log(home), "the chain is intact"
    except StoreError:  # which check `store` says
        problems, told = home.access_log.verify(NO_MARK), "the chain is intact; its end is not compared with the store"
    if problems:
        return "fault", problems[0]
    if left := home.access_log.unfinished():
        return "warning", left
    if back := home.access_log.back_in_time():
        return "warning", back[0]
    return "ok", told


def _lists(home: Home) -> tuple[State, str]:
    if runs(home.path).empty:
        return "ok", "no lists of people yet"
    ledger = read_ledger(home)
    changes = human_changes(home, ledger)
    rarely_changed = changes.loc[changes["is_alarm"], "list"].tolist()
    if rarely_changed:
        return (
            "warning",
            f"people change under 2% of {', '.join(rarely_changed)}: is the evidence read before approval?",
        )
    drafts = shown_lists(home, ledger, None)["status"].eq("draft").sum()
    return "ok", f"{drafts} lists of the latest run wait for approval: `harmspot --home {home.path} lists show`"


def _effects(home: Home) -> tuple[State, str]:
    if runs(home.path).empty:
        return "ok", "no lists of people yet"
    if lacking := lacking_effect(home, read_ledger(home)):
        detail = f"`harmspot --home {home.path} lists effects` says what prevents the approval of {', '.join(lacking)}"
        return "warning", detail
    return "ok", "the expected effect of every list that needs one is registered"


def _retention(home: Home) -> tuple[State, str]:
    """Say from which day on runs can be made, and whether something is due to go."""
    ledger = read_ledger(home)
    edge = past_edge(ledger)
    first = "" if edge is None else f"; what is before {home.day_of(edge)} is gone, and runs that read it are refused"
    if late := due(home, ledger):
        return "warning", f"{late}{first}"
    is_set = any(days is not None for days in asdict(home.settings.retention).values())
    return "ok", ("carried out as the settings say" if is_set else "the settings keep everything") + first


def _key(home: Home) -> tuple[State, str]:
    if is_rotating(home.key):
        return "warning", f"a rotation was not finished, both keys open files: `harmspot --home {home.path} rotate-key`"
    return "ok", "one key opens every file"


def _audits(home: Home) -> tuple[State, str]:
    ledger = read_ledger(home)
    if halted := halt_of(home, ledger, home.now()):
        return "fault", halted
    reports = audit_report(home, ledger).dropna(subset="fresh_until")
    if reports.empty:
        return "ok", "their clock starts at the first run"
    due_on = reports["fresh_until"].dt.tz_convert(home.settings.force.zone).dt.date
    due = ", ".join(f"{report} by {day}" for report, day in zip(reports["report"], due_on, strict=True))
    is_near = (reports["fresh_until"] < pd.Timestamp(home.now() + AUDIT_NOTICE)).any()
    return ("warning" if is_near else "ok"), f"next reports due, or lists halt: {due}; harmspot audit record"


CHECKS: dict[str, Callable[[Home], tuple[State, str]]] = {
    "packages": _packages,
    "encryption": _encryption,
    "settings": _settings,
    "schedule": _schedule,
    "brief": _brief,
    "map": _map,
    "codebook": _codebook,
    "home": _folder,
    "publication": _publication,
    "published rows": _published_rows,
    "live figures": live_figures,
    "access log": _access_log,
    "lists of people": _lists,
    "effects of lists": _effects,
    "audits": _audits,
    "retention": _retention,
    "key": _key,
}
NEED_NO_SETTINGS = ("packages", "encryption", "settings", "published rows", "key")
NEED_STORE = ("lists of people", "effects of lists", "audits", "retention")

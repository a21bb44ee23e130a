"""`harmspot plan`: print the plans of a run; register, record, weigh, evaluate and embargo operations; simulate."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command import Moment
from flows.command.options import (
    COUNT,
    FILE,
    FOLDER,
    Amount,
    Day,
    NearGroup,
    acting_option,
    by_option,
    json_option,
    limit_option,
    pass_any_home,
    pass_home,
    reading_options,
    run_option,
)
from flows.command.plan_sheet import sheet
from flows.command.printing import print_frame, print_json
from flows.home.rows import to_json_rows
from models.governance.actors import RECORDED
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    from flows.home.home import Home


@click.group("plan", cls=NearGroup)
def command() -> None:
    """Print the plans of a run, register and record operations. No plan takes effect until a named person decides.

    \b
    Examples:
      harmspot --home town plan areas
      harmspot --home town plan crackdowns
      harmspot --home town plan visits --delivered
      harmspot --home town plan sheet --area A07 --shift late
      harmspot --home town plan focus --area A07
      harmspot --home town plan register A03 --outcome "public reports" --comparison "the other markets" \\
          --stop-on 2026-04-01 --actor "Insp. J. Reyes"
      harmspot --home town plan evaluate A03 --found "reports fell as elsewhere" --report a03.pdf --by "M. Ito"
      harmspot plan rehearse rehearsal --days 84
    """


@command.command("areas")
@run_option
@json_option
@pass_home
def areas(home: "Home", run_id: str | None, as_json: bool) -> None:
    """Print officer hours by area: today, the minimax plan, the plan that averts most harm, and the cost of each limit.

    \b
    Example:
      harmspot --home town plan areas
    """
    from pipeline.publication.publish import read_published

    tables = {name: read_published(home.path, name, run_id) for name in ALLOCATION_TABLES}
    if as_json:
        print_json({name: to_json_rows(frame) for name, frame in tables.items()})
        return
    for name, (title, columns) in ALLOCATION_TABLES.items():
        print_frame(tables[name], title=title, as_json=False, columns=columns)


@command.command("focus")
@click.option("--area", metavar="AREA_ID", help="One area, by its full id or its id in the boundary file.")
@run_option
@click.option("--top", type=COUNT, default=3, help="Offences per area; --json has all.")
@json_option
@pass_home
def focus(home: "Home", area: str | None, run_id: str | None, top: int, as_json: bool) -> None:
    """Print the focus offences of each area: harm, visibility and public reports side by side.

    \b
    Example:
      harmspot --home town plan focus --area A07 --top 5
    """
    from flows.outputs.explain import find_area
    from pipeline.publication.publish import read_published

    rows = read_published(home.path, "crime_focus", run_id)
    if area:
        rows = rows[rows["area_id"] == find_area(home, area, run_id)["area_id"]]
    ordered = rows.sort_values(["area_id", "focus_rank"], ignore_index=True)
    shown = ordered if as_json else ordered[ordered["focus_rank"] <= top]
    print_frame(shown, title="focus offences", as_json=as_json, columns=FOCUS_COLUMNS)


@command.command("crackdowns")
@run_option
@click.option("--page", type=FILE, help="HTML page with charts to write.")
@json_option
@pass_home
def crackdowns(home: "Home", run_id: str | None, page: Path | None, as_json: bool) -> None:
    """Print the street markets in the order of the planned crackdowns, and the next step at each.

    \b
    Example:
      harmspot --home town plan crackdowns --page plans.html
    """
    from pipeline.publication.publish import read_published

    plan = read_published(home.path, "crackdown_plan", run_id).sort_values("position", ignore_index=True)
    print_frame(plan, title="street markets in planned order", as_json=as_json, columns=CRACKDOWN_COLUMNS)
    if not as_json:
        for row in plan.to_dict("records"):
            click.echo(inert(f"  {row['market_id']}: {row['why']}"))
            for label, reasons in (("refused", row["refused_because"]), ("not shown", row["fidelity_missing"])):
                for reason in reasons:
                    click.echo(inert(f"  {row['market_id']}: {label}: {reason}"))
    if page:
        from flows.outputs.plan_page import write_plan_page

        write_plan_page(home, run_id, page)
        home.progress(f"wrote {page}")


@command.command("visits")
@run_option
@click.option("--delivered", is_flag=True, help="Compare the planned visits of every kept run with recorded ones.")
@limit_option
@json_option
@pass_home
def visits(home: "Home", run_id: str | None, delivered: bool, limit: int, as_json: bool) -> None:
    """Print the day's planned short visits to hot spots, or compare past planned visits with recorded ones.

    \b
    Example:
      harmspot --home town plan visits
      harmspot --home town plan visits --delivered
    """
    from pipeline.publication.publish import read_published

    if delivered:
        from flows.evaluation.visit_compliance import visit_delivery

        table, title = visit_delivery(home, home.now()), "visits planned and delivered"
    else:
        table = read_published(home.path, "visit_plan", run_id).sort_values(["starts_at", "cell_id"], ignore_index=True)
        title = "visits of the day"
    columns = list(table.columns) if delivered else VISIT_COLUMNS
    print_frame(
        table if as_json else table.head(limit), title=f"{title} ({len(table)})", as_json=as_json, columns=columns
    )


command.add_command(sheet)


@command.command("register")
@click.argument("market")
@click.option("--outcome", required=True, help="Outcome that will be measured, in words.")
@click.option("--comparison", required=True, help="Comparison for the outcome, in words.")
@click.option("--stop-on", type=Day(), required=True, help="Day on which the operation ends and is evaluated.")
@acting_option("--actor")
@pass_home
def register(home: "Home", market: str, outcome: str, comparison: str, stop_on: date, actor: str) -> None:
    """Register an operation against a MARKET or area before anything is announced; it cannot be changed afterwards.

    The next registration there requires the evaluation of this one.

    \b
    Example:
      harmspot --home town plan register A03 --outcome "public reports at the market" \\
          --comparison "the other flagrant markets" --stop-on 2026-04-01 --actor "Insp. J. Reyes"
    """
    from flows.decisions.place_actions import register_operation, stop_problem

    if problem := stop_problem(home, stop_on):
        raise click.BadParameter(problem, param_hint="--stop-on")
    _refuse_semicolons({"--outcome": outcome, "--comparison": comparison})
    registered = register_operation(home, market, outcome=outcome, comparison=comparison, stop_on=stop_on, by=actor)
    click.echo("registered {} as {}; tell health partners next".format(*registered))


@command.command("evaluate")
@click.argument("market")
@click.option(
    "--found", metavar="TEXT", required=True, help="Registered outcome against its comparison, in a sentence."
)
@click.option("--report", type=FILE, required=True, help="Report file with the evaluation; its hash is recorded.")
@by_option
@pass_home
def evaluate(home: "Home", market: str, found: str, report: Path, by: str) -> None:
    """Record the evaluation of the operation at a MARKET or area: what its registered outcome came to.

    It ends the operation if it still runs. Without it nothing is registered, announced or started there again.

    \b
    Example:
      harmspot --home town plan evaluate A03 --found "reports fell by a third, at the others by a fifth" \\
          --report a03-evaluation.pdf --by "Analyst, M. Ito"
    """
    from flows.decisions.place_actions import evaluate_operation

    _refuse_semicolons({"--found": found, "--report": str(report)})
    evaluated = evaluate_operation(home, market, found=found, report=report, by=by)
    click.echo("evaluated {} as {}; the next operation there may be registered".format(*evaluated))


def _refuse_semicolons(texts: Mapping[str, str]) -> None:
    from flows.decisions.place_actions import text_problem

    for name, text in texts.items():
        if problem := text_problem(text):
            raise click.BadParameter(problem, param_hint=name)


@command.command("record")
@click.argument("kind", type=click.Choice(RECORDED))
@click.argument("market")
@acting_option("--actor")
@click.option("--hours", type=Amount(0), help="Officer-hours: per day for an operation, total for a visit.")
@click.option("--notice", "notice_id", metavar="NOTICE_ID", help="Notice that was served for the operation.")
@click.option("--detail", help="Free text, or phase=maintain; no names or person ids.")
@click.option("--at", type=Moment(), help="Time of the action, which may be earlier than now (default: now).")
@pass_home
def record(
    home: "Home",
    kind: str,
    market: str,
    actor: str,
    hours: float | None,
    notice_id: str | None,
    detail: str | None,
    at: datetime | None,
) -> None:
    """Record an action at a MARKET or area. An announcement that is not allowed yet is refused with reasons.

    So is a start where the last operation is over and not evaluated.

    \b
    Example:
      harmspot --home town plan record partners_told A03 --actor "Public health"
      harmspot --home town plan record announcement A03 --hours 52 --notice n_3f9a --actor "Insp. J. Reyes"
      harmspot --home town plan record seizure A03 --detail "lon=1.3106; lat=54.0140" --actor "Insp. J. Reyes"
    """
    from flows.decisions.place_actions import record_at_market

    area_id, action_id = record_at_market(
        home, kind, market, actor=actor, hours=hours, notice_id=notice_id, detail=detail, at=at
    )
    click.echo(inert(f"recorded {kind} at {area_id} as {action_id}"))


@command.command("embargo")
@click.argument("market")
@click.option("--reason", metavar="TEXT", required=True, help="Reason, in a sentence, without names of persons.")
@click.option("--until", type=Day(), required=True, help="Last day, within 90 days; it ends by itself after it.")
@by_option
@pass_home
def embargo(home: "Home", market: str, reason: str, until: date, by: str) -> None:
    """Let nothing name a MARKET until a day is over: no notice, plan, visit, layer, page, message or kept run.

    It counts at once, for the place and not the id. Its rows leave the kept runs for good. Copies elsewhere, such as
    printed notices and layers in other folders, are yours to collect. Given again, it lasts until the later day.

    \b
    Example:
      harmspot --home town plan embargo market_12_9 --until 2026-02-28 \\
          --reason "a covert inquiry until the arrests" --by "Supt. A. Lee"
    """
    from flows.brief.morning import redraw
    from flows.decisions.embargoes import embargo_market

    last_day = embargo_market(home, market, reason=reason, until=until, by=by)
    redraw(home)
    click.echo(f"nothing names {market} until {last_day} is over")


@command.command("lift")
@click.argument("market")
@click.option("--reason", metavar="TEXT", required=True, help="Reason, in a sentence, without names of persons.")
@by_option
@pass_home
def lift(home: "Home", market: str, reason: str, by: str) -> None:
    """End the embargo of a MARKET before its last day; the run of the next day names it again.

    \b
    Example:
      harmspot --home town plan lift market_12_9 --reason "the arrests are made" --by "Supt. A. Lee"
    """
    from flows.decisions.embargoes import lift_embargo

    lift_embargo(home, market, reason=reason, by=by)
    click.echo(f"the embargo of {market} is over; the run of the next day names it again")


@command.command("embargoes")
@reading_options
@json_option
@pass_home
def embargoes(home: "Home", purpose: str | None, reader: str | None, as_json: bool) -> None:
    """Print the embargoes in force; needs --purpose and --reader, and is logged. `audit embargoes` prints all.

    \b
    Example:
      harmspot --home town plan embargoes --purpose "before the briefing" --reader "Supt. A. Lee"
    """
    from flows.decisions.embargoes import read_embargoes

    table = read_embargoes(home, is_all=False, reader=reader, purpose=purpose)
    print_frame(table, title=f"embargoes in force ({len(table)})", as_json=as_json)


@command.command("benefit")
@click.option("--file", "path", type=FILE, required=True, help="YAML list of proposals.")
@json_option
@pass_any_home
def benefit(home: "Home", path: Path, as_json: bool) -> None:
    """Weigh proposed arrests and operations: harm averted against days of custody and prison. Exit 3: some rejected.

    Each proposal has proposal_id, kind (arrest or operation), harm_averted, harm_averted_lo and harm_averted_hi (80%),
    custody_days and prison_days; an operation also expected_averted and expected_averted_lo (80%), failures included,
    of which the lower end decides; and, if known, p_averts_more, officer_hours, treatment_interrupted and
    overdose_watch_days. The 80% take as known how many such operations work.

    \b
    Example:
      harmspot plan benefit --file proposals.yaml
    """
    from flows.evaluation.benefit_cases import weigh_file

    verdicts = weigh_file(path)
    print_frame(verdicts, title="proposals", as_json=as_json)
    if not verdicts["is_accepted"].all():
        raise SystemExit(3)


@command.command("rehearse")
@click.argument("folder", type=FOLDER)
@click.option("--seed", type=click.IntRange(0), default=7, help="Seed of the town.")
@click.option("--start", type=Day(), default="2026-01-01", help="Day on which planning begins.")
@click.option("--days", type=click.IntRange(7), default=84, help="Number of days.")
@click.option("--history", type=click.IntRange(56), default=120, help="Days on record before planning begins.")
@json_option
@pass_any_home
def rehearse_plan(home: "Home", folder: Path, seed: int, start: date, days: int, history: int, as_json: bool) -> None:
    """Simulate the plan in a simulated town, beside the same hours spread evenly. Takes about a minute.

    \b
    Example:
      harmspot plan rehearse rehearsal --days 84

    \b
    With a record that tells unintended consequences from a season:
      harmspot plan rehearse rehearsal --days 150 --history 700
      harmspot --home rehearsal/concentrate/home evaluate outcomes --out outcomes.html
    """
    import pandas as pd

    from flows.simulation.rehearsal import rehearse

    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty; choose another", param_hint="FOLDER")
    config = home.settings.promises
    rehearsals = {
        policy: rehearse(
            folder / policy,
            seed=seed,
            start=start,
            days=days,
            policy=policy,
            history_days=history,
            progress=home.progress,
        )
        for policy in ("concentrate", "spread")
    }
    looks = pd.concat([rehearsal.looks for rehearsal in rehearsals.values()], ignore_index=True)
    print_frame(looks, title="plans, and the true share of sellers who dealt", as_json=as_json)
    if as_json:
        return
    print_frame(rehearsals["concentrate"].promises.promises, title="promises", as_json=False, columns=PROMISE_COLUMNS)
    for policy, rehearsal in rehearsals.items():
        least = ", ".join(f"{area} {share:.0%}" for area, share in sorted(rehearsal.least_share.items()))
        click.echo(f"{policy}: {rehearsal.hours_spent:,.0f} hours; least share of sellers dealing: {least}")
        click.echo(f"  {rehearsal.promises.text(config)}")


ALLOCATION_TABLES = {
    "officer_allocation": ("officer hours a day", [
        "area_id", "today_hours", "proposed_hours", "marginal_hours_half", "marginal_hours", "marginal_hours_double",
        "today_ratio", "proposed_ratio", "floor_price",
    ]),
    "allocation_cost": ("cost of each limit (harm-days a day)", [
        "constraint_name", "price", "binding_count", "harm_lost_per_day", "limit_hours", "planned_hours",
    ]),
    "allocation_curve": ("harm averted a day and its gain over today, by officer hours and effect per hour", [
        "kappa_multiple", "hours_share", "total_hours", "averted_today", "averted_minimax", "averted_marginal",
        "gain_today", "gain_minimax", "gain_marginal",
    ]),
}  # fmt: skip
CRACKDOWN_COLUMNS = [
    "position", "market_id", "area_id", "phase", "next_step", "hours_today", "hours_needed", "p_tips", "is_quiet",
    "starts_on",
]  # fmt: skip
VISIT_COLUMNS = ["starts_at", "minutes", "cell_id", "area_id", "chosen_for"]
PROMISE_COLUMNS = ["announced_at", "area_id", "promise_kind", "promised", "due_on", "status", "why"]
FOCUS_COLUMNS = [
    "area_id", "focus_rank", "label", "public_count", "harm_days", "harm_share", "rate_ratio", "rate_ratio_lo",
    "is_visible", "police_count",
]  # fmt: skip

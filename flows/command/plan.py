"""`harmspot plan`: officer hours, crackdowns, visits and what deserves attention, as the latest run plans them."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command import Moment
from flows.command.options import Day, json_option, pass_home
from flows.command.printing import print_frame

if TYPE_CHECKING:
    import pandas as pd

    from flows.home.home import Home


RECORDED = (
    "partners_told", "outreach", "announcement", "crackdown_start", "crackdown_end", "visit", "sanction",
    "representation", "contest",
)  # fmt: skip


@click.group("plan")
def command() -> None:
    """Print what a run plans; nothing here moves an officer before a named person decides.

    \b
    Examples:
      harmspot --home town plan areas
      harmspot --home town plan crackdowns
      harmspot --home town plan visits --delivered
      harmspot --home town plan focus --area A07
      harmspot --home town plan register A03 --outcome "public reports" --comparison "the other markets" \\
          --stop-on 2026-04-01 --actor "Insp. J. Reyes"
      harmspot plan rehearse rehearsal --days 84
    """


@command.command("areas")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@json_option
@pass_home
def areas(home: "Home", run_id: str | None, as_json: bool) -> None:
    """Print officer hours by area: today, the minimax plan, the plan that averts most harm, and what limits cost.

    \b
    Example:
      harmspot --home town plan areas
    """
    from pipeline.publication.publish import read_published

    tables = {name: read_published(home.path, name, run_id) for name in ALLOCATION_TABLES}
    if as_json:
        _print_json(tables)
        return
    for name, (title, columns) in ALLOCATION_TABLES.items():
        print_frame(tables[name], title=title, as_json=False, columns=columns)


@command.command("focus")
@click.option("--area", metavar="AREA_ID", help="One area, by its full id or that of the boundary file.")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Offences per area; --json has all.")
@json_option
@pass_home
def focus(home: "Home", area: str | None, run_id: str | None, top: int, as_json: bool) -> None:
    """Print the offences that deserve special attention: harm, visibility and public reports side by side.

    \b
    Example:
      harmspot --home town plan focus --area A07 --top 5
    """
    from flows.decisions.explain import find_area
    from pipeline.publication.publish import read_published

    rows = read_published(home.path, "crime_focus", run_id)
    if area:
        rows = rows[rows["area_id"] == find_area(home, area, run_id)["area_id"]]
    ordered = rows.sort_values(["area_id", "focus_rank"], ignore_index=True)
    shown = ordered if as_json else ordered[ordered["focus_rank"] <= top]
    print_frame(shown, title="offences that deserve attention", as_json=as_json, columns=FOCUS_COLUMNS)


@command.command("crackdowns")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Page with pictures to write.")
@json_option
@pass_home
def crackdowns(home: "Home", run_id: str | None, page: Path | None, as_json: bool) -> None:
    """Print the street markets in the order in which officers concentrate on them, and what comes next at each.

    \b
    Example:
      harmspot --home town plan crackdowns --page plans.html
    """
    from pipeline.publication.publish import read_published

    plan = read_published(home.path, "crackdown_plan", run_id).sort_values("position", ignore_index=True)
    print_frame(plan, title="street markets in order", as_json=as_json, columns=CRACKDOWN_COLUMNS)
    if not as_json:
        for row in plan.to_dict("records"):
            click.echo(f"  {row['market_id']}: {row['why']}")
            for word, reasons in (("refused", row["refused_because"]), ("not shown", row["fidelity_missing"])):
                for reason in reasons:
                    click.echo(f"  {row['market_id']}: {word}: {reason}")
    if page:
        from flows.outputs.plan_page import write_plan_page

        write_plan_page(home, run_id, page)
        home.progress(f"wrote {page}")


@command.command("visits")
@click.option("--run", "run_id", metavar="RUN_ID", help="A kept run (default: the latest).")
@click.option("--delivered", is_flag=True, help="Compare the visits of every kept run with those recorded.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows printed; --json prints all.")
@json_option
@pass_home
def visits(home: "Home", run_id: str | None, delivered: bool, limit: int, as_json: bool) -> None:
    """Print the day's short visits to hot spots, or whether those of the days before were made.

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


@command.command("register")
@click.argument("market")
@click.option("--outcome", required=True, help="What will be measured, in words.")
@click.option("--comparison", required=True, help="What it will be compared with, in words.")
@click.option("--stop-on", type=Day(), required=True, help="Day on which it ends and is evaluated.")
@click.option("--actor", required=True, metavar="NAME", help="Who registers it.")
@pass_home
def register(home: "Home", market: str, outcome: str, comparison: str, stop_on: date, actor: str) -> None:
    """Register an operation against a MARKET or area before anything is announced; it cannot be changed afterwards.

    \b
    Example:
      harmspot --home town plan register A03 --outcome "public reports at the market" \\
          --comparison "the other flagrant markets" --stop-on 2026-04-01 --actor "Insp. J. Reyes"
    """
    from flows.decisions.place_actions import find_plan, record_action

    if stop_on <= home.today():
        raise click.BadParameter(f"{stop_on} is not after today", param_hint="--stop-on")
    for name, words in (("--outcome", outcome), ("--comparison", comparison)):
        if not words.strip() or ";" in words:
            raise click.BadParameter("expected words without a semicolon", param_hint=name)
    plan = find_plan(home, market)
    detail = f"market_id={plan['market_id']}; outcome={outcome}; comparison={comparison}; stop_on={stop_on}"
    action_id = record_action(home, kind="registration", area_id=plan["area_id"], actor=actor, detail=detail)
    click.echo(f"registered {plan['market_id']} as {action_id}; tell health partners next")


@command.command("record")
@click.argument("kind", type=click.Choice(RECORDED))
@click.argument("market")
@click.option("--actor", required=True, metavar="NAME", help="Who did it.")
@click.option("--hours", type=click.FloatRange(0), help="Officer-hours: a day for an operation, in all for a visit.")
@click.option("--notice", "notice_id", metavar="NOTICE_ID", help="Notice that told the place.")
@click.option("--detail", help="Free words, or phase=maintain; never a name or a person id.")
@click.option("--at", type=Moment(), help="When it was done; it may be recorded later (default: now).")
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
    """Record what was done at a MARKET or area. An announcement that may not be made yet is refused with reasons.

    \b
    Example:
      harmspot --home town plan record partners_told A03 --actor "Public health"
      harmspot --home town plan record announcement A03 --hours 52 --notice n_3f9a --actor "Insp. J. Reyes"
    """
    from flows.decisions.place_actions import announced_start, find_plan, record_action

    plan = find_plan(home, market)
    if kind == "announcement":
        starts_on = f"starts_on={announced_start(home, plan, notice_id, at or home.now())}"
        detail = f"{starts_on}; {detail}" if detail else starts_on
    particulars = {"hours": hours, "notice_id": notice_id, "detail": detail}
    action_id = record_action(home, kind=kind, area_id=plan["area_id"], actor=actor, at=at, **particulars)
    click.echo(f"recorded {kind} at {plan['area_id']} as {action_id}")


@command.command("benefit")
@click.option("--file", "path", type=click.Path(dir_okay=False, path_type=Path), required=True, help="YAML list.")
@json_option
@pass_home
def benefit(home: "Home", path: Path, as_json: bool) -> None:
    """Weigh proposed arrests and operations: harm averted against days of custody and prison. Exit 3: some rejected.

    Each proposal has proposal_id, kind (arrest or operation), harm_averted, harm_averted_lo and harm_averted_hi (80%),
    custody_days and prison_days, and beside them officer_hours, treatment_interrupted, overdose_watch_days.

    \b
    Example:
      harmspot plan benefit --file proposals.yaml
    """
    from flows.decisions.benefit_cases import weigh_file

    verdicts = weigh_file(path)
    print_frame(verdicts, title="proposals", as_json=as_json)
    if not verdicts["is_accepted"].all():
        raise SystemExit(3)


@command.command("rehearse")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of the town.")
@click.option("--start", type=Day(), default="2026-01-01", show_default=True, help="Day on which planning begins.")
@click.option("--days", type=click.IntRange(7), default=84, show_default=True, help="How long it goes on.")
@json_option
@pass_home
def rehearse_plan(home: "Home", folder: Path, seed: int, start: date, days: int, as_json: bool) -> None:
    """Follow the plan in a simulated town, beside the same hours spread evenly. Takes a minute or so.

    \b
    Example:
      harmspot plan rehearse rehearsal --days 84
    """
    import pandas as pd

    from flows.simulation.rehearsal import rehearse

    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty; choose another", param_hint="FOLDER")
    config = home.settings.promises
    played = {
        policy: rehearse(folder / policy, seed=seed, start=start, days=days, policy=policy, progress=home.progress)
        for policy in ("concentrate", "spread")
    }
    looks = pd.concat([rehearsal.looks for rehearsal in played.values()], ignore_index=True)
    print_frame(looks, title="what was planned, and the share of sellers who dealt in truth", as_json=as_json)
    if as_json:
        return
    print_frame(played["concentrate"].promises.promises, title="promises", as_json=False, columns=PROMISE_COLUMNS)
    for policy, rehearsal in played.items():
        least = ", ".join(f"{area} {share:.0%}" for area, share in sorted(rehearsal.least_share.items()))
        click.echo(f"{policy}: {rehearsal.hours_spent:,.0f} hours; least share of sellers dealing: {least}")
        click.echo(f"  {rehearsal.promises.text(config)}")


def _print_json(tables: "dict[str, pd.DataFrame]") -> None:
    import json

    from flows.home.rows import to_json_rows

    click.echo(json.dumps({name: to_json_rows(frame) for name, frame in tables.items()}, indent=2, ensure_ascii=False))


ALLOCATION_TABLES = {
    "officer_allocation": ("officer hours a day", [
        "area_id", "today_hours", "proposed_hours", "marginal_hours_half", "marginal_hours", "marginal_hours_double",
        "today_ratio", "proposed_ratio", "floor_price",
    ]),
    "allocation_cost": ("what each limit costs (harm-days a day)", [
        "constraint_name", "price", "binding_count", "harm_lost_per_day", "limit_hours", "planned_hours",
    ]),
    "allocation_curve": ("harm averted a day, by how many hours and what an hour does", [
        "kappa_multiple", "hours_share", "total_hours", "averted_today", "averted_minimax", "averted_marginal",
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

"""`harmspot evaluate`: score forecasts, area rankings, person rates and operations against outcomes; near repeats."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.evaluate_outcomes import grade, outcomes
from flows.command.options import (
    ABOVE_ZERO,
    COUNT,
    FOLDER,
    PATH,
    Day,
    NearGroup,
    area_set_option,
    json_option,
    page_option,
    pass_any_home,
    pass_home,
    run_option,
)
from flows.command.printing import print_frame, print_json
from pipeline.terminal_text import inert

if TYPE_CHECKING:
    from flows.evaluation.people_validation import RecordsTrial
    from flows.home.home import Home


@click.group("evaluate", cls=NearGroup)
def command() -> None:
    """Score forecasts, rankings, rates and operations against outcomes; show and grade what policing brought.

    \b
    Examples:
      harmspot --home city evaluate forecast --origins 12 --out record.html
      harmspot --home city evaluate areas --origins 12 --out areas.html
      harmspot --home city evaluate near-repeat
      harmspot --home town evaluate operation market_12_9 --out operation.html
      harmspot evaluate nij --events portland.parquet --boundary districts.geojson --month 2017-02
      harmspot evaluate people --records people.parquet --mapping configs/records/broward.yaml --out people.html
      harmspot --home city evaluate outcomes --out outcomes.html
    """


@command.command("forecast")
@click.option("--origins", type=COUNT, default=12, help="Number of forecast origins.")
@click.option("--every-days", type=COUNT, help="Days between origins (default: the horizon).")
@click.option("--last", type=Day(), help="Last day that is scored (default: day of the latest incident).")
@click.option("--horizon-days", type=COUNT, help="Days ahead (default: from the settings).")
@click.option("--cell-size-m", type=ABOVE_ZERO, help="Side of a cell in metres (default: from the settings).")
@click.option(
    "--raw-mean-life-days",
    type=ABOVE_ZERO,
    default=120,
    help="Mean life, in days, of the decay in the raw harm count, one of the baselines.",
)
@page_option
@json_option
@pass_home
def forecast(
    home: "Home",
    origins: int,
    every_days: int | None,
    last: date | None,
    horizon_days: int | None,
    cell_size_m: float | None,
    raw_mean_life_days: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """Forecast the loaded city from past days and score the forecasts against outcomes, beside published methods.

    Hit rate, PAI, PEI and RRI count incidents in the 1% of cells ranked first; H@1% and H@5% are shares of the harm.
    Differences have 95% block-bootstrap intervals over the origins. Look-ahead rows use data from before and after
    the forecast days: they are an upper bound, not a method.

    \b
    Example:
      harmspot --home city evaluate forecast --origins 12 --out record.html
    """
    from flows.evaluation.forecast_backtest import (
        TOO_FEW,
        Plan,
        difference_table,
        evaluate_city,
        score_table,
        trial_object,
    )

    settings = home.settings
    horizon_days = horizon_days or settings.forecast.horizon_days
    plan = Plan(
        origins=origins,
        every_days=every_days or horizon_days,
        horizon_days=horizon_days,
        cell_size_m=cell_size_m or settings.places.cell_size_m,
        last_day=last,
        raw_mean_life_days=raw_mean_life_days,
    )
    trial = evaluate_city(home, plan)
    if as_json:
        print_json(trial_object(trial))
    else:
        click.echo(inert("\n".join([trial.title(), *trial.verdicts()])))
        print_frame(score_table(trial.evaluation), title="means over the origins", as_json=False)
        differences = difference_table(trial.evaluation)
        judged = "95% interval" if differences["lo"].notna().any() else TOO_FEW
        print_frame(differences, title=f"harmspot less each method, {judged}", as_json=False)
        print_frame(trial.evaluation.reliability, title="calibration of the uncertainty", as_json=False)
        for note in trial.evaluation.notes:
            click.echo(inert(f"note: {note}"))
    if out:
        from pipeline.pages.evaluation import render_evaluation

        tables = {**trial.tables(), "differences": difference_table(trial.evaluation)}
        out.write_text(render_evaluation(trial.title(), trial.verdicts(), tables, home.catalogue), encoding="utf-8")
        home.progress(f"wrote {out}")


@command.command("areas")
@click.option("--origins", type=COUNT, default=12, help="Number of past days to rank as of.")
@click.option("--every-days", type=COUNT, help="Days between origins (default: the horizon).")
@click.option("--last", type=Day(), help="Last day that is scored (default: day of the latest incident).")
@click.option("--horizon-days", type=COUNT, help="Days ahead (default: from the settings).")
@area_set_option
@page_option
@json_option
@pass_home
def areas(
    home: "Home",
    origins: int,
    every_days: int | None,
    last: date | None,
    horizon_days: int | None,
    area_set: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Rank the areas as of past days and compare the published figures with the observed ones.

    Says how many of the 80% intervals of rank and harm contained the outcome, how often a chance of being among the
    first areas came true, and how much of the harm the first areas held. Intervals of these figures are 95%
    block-bootstrap intervals over the origins.

    \b
    Example:
      harmspot --home city evaluate areas --origins 12 --out areas.html
    """
    from flows.evaluation.areas_backtest import evaluate_area_set

    horizon_days = horizon_days or home.settings.places.horizon_days
    found = evaluate_area_set(
        home,
        origins=origins,
        every_days=every_days or horizon_days,
        horizon_days=horizon_days,
        area_set=area_set,
        last_day=last,
    )
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(inert("\n".join([found.title(), *found.verdicts()])))
        for name, title in (
            ("coverage", "coverage of the intervals"),
            ("reliability", f"chance of being in the top {found.top_k}"),
            ("chances", "chances as published and calibrated"),
            ("harm_held", "share of harm held, mean over the origins"),
        ):
            if len(table := found.tables()[name]):
                print_frame(table, title=title, as_json=False)
    if out:
        from pipeline.pages.area_evaluation import render_area_evaluation

        page = render_area_evaluation(found.title(), found.verdicts(), found.tables(), home.catalogue)
        out.write_text(page, encoding="utf-8")
        home.progress(f"wrote {out}")


@command.command("operation")
@click.argument("market", required=False)
@run_option
@page_option
@json_option
@pass_home
def operation(home: "Home", market: str | None, run_id: str | None, out: Path | None, as_json: bool) -> None:
    """Say whether the latest operation at a MARKET or area helped, by three methods; without MARKET, of every one.

    The figures are those of a run (table operation_effect). Intervals are 80% and come from places like it where
    nothing was done. Record what you conclude with `plan evaluate`.

    \b
    Examples:
      harmspot --home town evaluate operation
      harmspot --home town evaluate operation market_12_9 --out operation.html
    """
    from flows.evaluation.operation import COLUMNS, read_effects

    found = read_effects(home, market, run_id)
    if as_json:
        print_json(found.as_json())
    else:
        if not found.operations:
            click.echo("no operation has started in the year before this run")
        for each in found.operations:
            click.echo(inert("\n".join([f"{each.title()}: {each.verdict}", f"  {each.together}", *each.lines()])))
            print_frame(each.effects, title=each.market_id, as_json=False, columns=COLUMNS)
        for sentence in found.cannot_tell if found.operations else []:
            click.echo(inert(f"cannot tell: {sentence}"))
    if out:
        from pipeline.pages.outcomes.operation_effect import render_operation_effects

        page = render_operation_effects(found.title, found.of_page(), found.cannot_tell, home.catalogue)
        out.write_text(page, encoding="utf-8")
        home.progress(f"wrote {out}")


@command.command("nij")
@click.option("--events", type=PATH, required=True, help="CSV or Parquet with occurred_at, offence, lon, lat.")
@click.option("--boundary", type=PATH, required=True, help="Polygons of the police bureau.")
@click.option(
    "--month",
    "months",
    type=click.DateTime(["%Y-%m"]),
    multiple=True,
    required=True,
    metavar="YYYY-MM",
    help="Month to hold out and forecast from earlier data; may be repeated.",
)
@click.option(
    "--maximise",
    type=click.Choice(["pai", "pei"]),
    default="pai",
    help="Score that cell size and forecast area are tuned for.",
)
@click.option(
    "--choice-months", type=COUNT, default=12, help="Number of months before the first held-out one to tune on."
)
@click.option("--out", type=FOLDER, help="Folder for the forecasts as shapefiles.")
@json_option
@pass_any_home
def nij(
    home: "Home",
    events: Path,
    boundary: Path,
    months: tuple[datetime, ...],
    maximise: str,
    choice_months: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Forecast held-out months under the rules of the NIJ Real-Time Crime Forecasting Challenge; print PAI and PEI*.

    Cells have 62,500 to 360,000 square feet, the forecast 0.25 to 0.75 square miles, both in EPSG:2913. Both sizes
    are tuned on the months before the first held-out one, once per kind of crime. Each offence is forecast separately,
    and all together. --out writes each forecast as a shapefile with fields id, hotspot and area, and all as nij.gpkg.

    \b
    Example:
      harmspot evaluate nij --events portland.parquet --boundary districts.geojson \\
          --month 2016-12 --month 2017-01 --month 2017-02 --out entry
    """
    from flows.evaluation.nij import evaluate_nij, read_crimes, write_shapes
    from geo.vector_file import read_vector_file

    trial = evaluate_nij(
        read_crimes(events),
        read_vector_file(boundary, columns=[]),
        [month.date() for month in months],
        maximise=maximise,
        config=home.settings.forecast,
        seed=home.settings.seed,
        choice_months=choice_months,
        progress=home.progress,
    )
    print_frame(trial.scores, title="forecasts of held-out months", as_json=as_json)
    for choice in trial.choices:
        home.progress(choice.text())
    for path in write_shapes(trial, out) if out else []:
        home.progress(f"wrote {path}")


@command.command("near-repeat")
@click.option(
    "--offence",
    "offence_codes",
    metavar="CODE",
    multiple=True,
    help="Code of the codebook; may be repeated (default: every burglary).",
)
@click.option("--days", type=COUNT, default=365, help="Number of days to analyse.")
@click.option("--last", type=Day(), help="Last of these days (default: day of the latest incident).")
@click.option("--permutations", type=click.IntRange(19), default=999, help="Number of permutations of the days.")
@json_option
@pass_home
def near_repeat(
    home: "Home", offence_codes: tuple[str, ...], days: int, last: date | None, permutations: int, as_json: bool
) -> None:
    """Count pairs of incidents by distance and days apart, and compare with permuted days (Knox test).

    A ratio of 1.5 means 50% more pairs than expected by chance; p is the share of permutations with as many pairs.

    \b
    Example:
      harmspot --home city evaluate near-repeat --offence robbery --days 365
    """
    from flows.evaluation.near_repeat import band_labels, find_near_repeats

    home.progress(f"permuting the days {permutations} times")
    found = find_near_repeats(home, offence_codes, days=days, last_day=last, permutations=permutations)
    title = (
        f"near repeats of {', '.join(found.offence_codes)}: {found.incident_count:,} incidents "
        f"in the {found.days} days to {found.last_day}"
    )
    print_frame(found.table if as_json else band_labels(found.table), title=title, as_json=as_json)


@command.command("people")
@click.option("--records", type=PATH, required=True, help="CSV or Parquet with one row per person.")
@click.option(
    "--mapping",
    type=PATH,
    required=True,
    help="Which columns hold priors, years at risk, outcomes, published scores, groups; see configs/records.",
)
@click.option(
    "--flagged",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.05, 0.2),
    help="Share of people flagged when groups are compared; may be repeated.",
)
@click.option("--resamples", type=COUNT, default=1000, help="Bootstrap resamples for the intervals.")
@page_option
@json_option
@pass_any_home
def people(
    home: "Home",
    records: Path,
    mapping: Path,
    flagged: tuple[float, ...],
    resamples: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Validate a score of priors and years at risk on real records of people, beside a published risk score.

    Beside it stand the gamma-Poisson rate, (priors + 1) / (years + 2), a spline logistic regression and the priors.
    Whatever is fitted on outcomes is fitted on other people than those it is judged on. Nothing of the file is
    stored. No group attribute enters a score: groups serve only to compare false positives, and groups of fewer than
    ten people are shown without figures. Intervals are 95% and paired.

    \b
    Example:
      harmspot evaluate people --records compas_two_years.parquet --mapping configs/records/broward.yaml \\
          --out people.html
    """
    from flows.evaluation.people_validation import evaluate_records

    home.progress(f"resampling the people {resamples} times")
    trial = evaluate_records(records, mapping, flagged_shares=flagged, resamples=resamples, seed=home.settings.seed)
    if as_json:
        print_json(trial.as_json())
    else:
        _print_people(trial)
    if out:
        from pipeline.pages.people_validation import render_people_evaluation

        page = render_people_evaluation(trial.mapping.about, trial.tables(), home.catalogue)
        out.write_text(page, encoding="utf-8")
        home.progress(f"wrote {out}")


def _print_people(trial: "RecordsTrial") -> None:
    click.echo(inert(trial.mapping.about))
    titles = {
        "scores": "discrimination, and share of outcomes in the top 5%",
        "differences": "the score less each other score, 95% interval",
        "calibration": "predicted and observed outcomes by tenths of people who were not fitted, with 95% intervals",
        "gaps": "false positives with the same share flagged; excess is the score's gap less the published score's",
        "groups": "predicted and observed outcomes, by group, with the interval of their difference",
        "summary": "summary",
    }
    columns = {
        "gaps": ["outcome", "flagged_share", "group", "score_gap", "published_gap", "excess", "lo", "hi", "verdict"],
    }
    for name, table in trial.tables().items():
        print_frame(table, title=titles[name], as_json=False, columns=columns.get(name))
    for outcome, left_out in trial.left_out.items():
        for reason, count in left_out.items():
            click.echo(inert(f"left out for {outcome}: {count:,} with {reason}"))


command.add_command(outcomes)
command.add_command(grade)

"""Tables and objects on standard output, for people and for programs."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from flows.daily import RunSummary
    from flows.home import Home
    from pipeline.batch import BatchCounts

PIPE_WIDTH = 160  # characters; wide enough that a redirected table is not cut to 80


def print_frame(frame: "pd.DataFrame", *, title: str, as_json: bool, columns: list[str] | None = None) -> None:
    """Print `columns` of a frame as a table, or all of it as a JSON array of objects."""
    if as_json:
        click.echo(json.dumps(records(frame), indent=2, ensure_ascii=False))
        return
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    shown = frame[columns] if columns else frame
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in shown.columns:
        is_number = pd.api.types.is_numeric_dtype(shown[column]) and not pd.api.types.is_bool_dtype(shown[column])
        table.add_column(str(column).replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in shown.itertuples(index=False):
        table.add_row(*[_text(value) for value in row])
    console.print(table)
    if frame.empty:
        console.print("no rows")


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a frame as JSON-ready objects; geometries are left to the layers."""
    plain = frame.drop(columns=[c for c in frame.columns if c.endswith("_wkb")])
    return [{str(key): _plain(value) for key, value in row.items()} for row in plain.to_dict("records")]


def _plain(value: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _text(value: Any) -> str:
    if isinstance(value, datetime) and _plain(value) is not None:
        return value.strftime("%Y-%m-%d %H:%MZ")
    plain = _plain(value)
    if plain is None:
        return "–"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, float):
        return f"{plain:,.3g}" if abs(plain) < 1000 else f"{plain:,.0f}"
    return ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)


def print_counts(counts: "BatchCounts", *, as_json: bool) -> None:
    """Print what became of the rows that were read."""
    if as_json:
        click.echo(json.dumps(asdict(counts), indent=2))
        return
    click.echo(
        f"rows in {counts.rows_in:,} = versions stored {counts.stored:,} + duplicates {counts.duplicates:,} "
        f"+ dead letters {counts.dead:,}"
    )
    for reason, count in counts.dead_by_reason.items():
        click.echo(f"  dead letter {reason}: {count:,}")
    if counts.conflicts:
        click.echo(f"  conflicts (two contents under one version; the greater hash wins): {counts.conflicts:,}")


def print_summary(home: "Home", summary: "RunSummary", *, as_json: bool) -> None:
    """Print one run: what it counted, how long it took, where its outputs are."""
    if as_json:
        click.echo(json.dumps(summary.as_json(), indent=2))
        return
    click.echo(summary.text())
    _print_halt(summary)
    for path in (home.published, home.restricted, home.layers, home.report):
        click.echo(f"  {path}")


def print_summaries(summaries: "list[RunSummary]", *, as_json: bool) -> None:
    """Print several runs, a line each."""
    if as_json:
        click.echo(json.dumps([summary.as_json() for summary in summaries], indent=2))
        return
    for summary in summaries:
        click.echo(summary.text())
    if summaries:
        _print_halt(summaries[-1])
    else:
        click.echo("nothing to redo")


def _print_halt(summary: "RunSummary") -> None:
    if summary.halted_because:
        click.secho(summary.halted_because, fg="red", err=True)


def print_object(content: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print an explanation: lines for people, the rows behind them for programs."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))

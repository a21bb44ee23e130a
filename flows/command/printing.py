"""Print tables and objects on standard output, as text or JSON."""

import json
import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import click

from flows.home import log
from flows.home.rows import json_value, to_json_rows
from pipeline.local_time import local_text
from pipeline.terminal_text import inert, inert_in_json

if TYPE_CHECKING:
    import pandas as pd

    from flows.home.home import Home
    from flows.ingest.load_report import LoadReport
    from flows.schedule.daily import RunSummary
    from pipeline.events.batch import BatchCounts

PIPE_WIDTH = 120  # characters; width of redirected tables, instead of the default 80
SUSPECT_SHARE = 0.15  # of points off the map: the field wants 85% located (Ratcliffe 2004)
SMALL = 0.001  # of a smaller figure the bound is shown, without an exponent
ID_WIDTH = 34  # characters of a pseudonym


def print_frame(
    frame: "pd.DataFrame",
    *,
    title: str,
    as_json: bool,
    columns: list[str] | None = None,
    heads: Mapping[str, str] | None = None,
    chances: Collection[str] = (),
) -> None:
    """Print `columns` of a frame as a table, or all of it as a JSON array of objects.

    `heads` are headings by column, in the table alone; a column without one is headed by its name in words.
    Columns in `chances` are shown as percent.
    Text wraps if the table is too wide; ids, numbers and times are never broken over lines. If the columns do not fit
    even so, each row is printed as a paragraph.
    """
    if as_json:
        print_json(to_json_rows(frame))
        return
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, emoji=False, highlight=False)  # texts come from outside
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    title = inert(title)
    shown = frame[columns] if columns else frame
    said = {name: (heads or {}).get(str(name), str(name).replace("_", " ")) for name in shown.columns}
    texts = {
        inert(said[name]): [inert(_percent(value) if name in chances else _text(value)) for value in shown[name]]
        for name in shown.columns
    }
    sizes = [
        _sizes(name, cells, is_prose=_is_prose(shown.iloc[:, at], cells))
        for at, (name, cells) in enumerate(texts.items())
    ]
    room = console.width - 3 * len(sizes) - 1  # minus a border and two blanks per column
    if sum(least for least, _ in sizes) > room:
        click.echo("\n".join([title, *_paragraphs(texts, console.width)]))
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for at, (name, width) in enumerate(zip(texts, fitted(sizes, room), strict=True)):
        kind = shown.dtypes.iloc[at]
        is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        justify: Literal["right", "left"] = "right" if is_number else "left"
        table.add_column(name, justify=justify, overflow="fold", width=width)
    for row in zip(*texts.values(), strict=True):
        table.add_row(*row)
    console.print(table)
    if frame.empty:
        console.print("no rows")


def fitted(sizes: list[tuple[int, int]], room: int) -> list[int]:
    """Return column widths that fill at most `room`: each minimum, then spare width to the smallest needs first.

    Parameters
    ----------
    sizes : list of (int, int)
        Minimum and wanted width of each column, in characters; the minima must fit.
    room : int
        Available width, in characters.
    """
    widths = [least for least, _ in sizes]
    spare = room - sum(widths)
    by_need = sorted(range(len(sizes)), key=lambda column: sizes[column][1] - sizes[column][0])
    for place, column in enumerate(by_need):
        least, wanted = sizes[column]
        given = min(wanted - least, spare // (len(by_need) - place))
        widths[column] += given
        spare -= given
    return widths


def _sizes(name: str, cells: list[str], *, is_prose: bool) -> tuple[int, int]:
    """Return minimum and wanted width: prose wraps between words, and a word longer than an id may be broken."""
    header = name.split()
    whole = max(map(len, [*cells, *header]))
    if not is_prose:
        return whole, whole
    word = max((len(word) for cell in [*cells, *header] for word in cell.split()), default=1)
    return min(word, ID_WIDTH), whole


def _paragraphs(texts: dict[str, list[str]], width: int) -> list[str]:
    """Return one paragraph per row: every column with its name, wrapped between words."""
    rows = [" · ".join(map(" ".join, zip(texts, row, strict=True))) for row in zip(*texts.values(), strict=True)]
    return [fill(row, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) for row in rows]


def _is_prose(values: "pd.Series", cells: list[str]) -> bool:
    """Return whether a column holds text or lists, which may wrap."""
    import pandas as pd

    return not pd.api.types.is_datetime64_any_dtype(values) and any(" " in cell for cell in cells)


def _text(value: Any) -> str:
    if isinstance(value, datetime) and json_value(value) is not None:
        return local_text(value)
    plain = json_value(value)
    if plain is None:
        return "–"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, float):
        if 0 < abs(plain) < SMALL:
            return f"<{SMALL}" if plain > 0 else f">-{SMALL}"
        return f"{plain:,.3g}" if abs(plain) < 1000 else f"{plain:,.0f}"
    return ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)


def _percent(value: Any) -> str:
    """Return a probability or share as a whole percentage; a small or great one is not 0% or 100%."""
    plain = json_value(value)
    if plain is None:
        return "–"
    return "<1%" if 0 < plain < 0.005 else ">99%" if 0.995 <= plain < 1 else f"{plain:.0%}"


def print_counts(counts: "BatchCounts", *, as_json: bool) -> None:
    """Print the counts of rows read, stored, duplicate and dead."""
    lines = [counts.text()]
    from pipeline.events.reasons import in_words

    lines += [f"  {count:,} left out: {in_words(reason)} ({reason})" for reason, count in counts.dead_by_reason.items()]
    if counts.conflicts:
        lines.append(f"  {counts.conflicts:,} came more than once with different details; one version was used")
    print_object(asdict(counts), lines, as_json=as_json)


def print_load(report: "LoadReport", *, as_json: bool) -> None:
    """Print what became of the rows of a load, the words to map, and the points off the map."""
    if as_json:
        print_json(report.as_json())
        return
    print_frame(report.rows(), title=report.counts.text(), as_json=False)
    for reason, detail in zip(report.reasons["reason"], report.reasons["detail"], strict=True):
        click.echo(inert(f"  {reason}: {detail}"))
    if report.outside:
        share = report.outside / report.located
        click.secho(
            f"{report.outside:,} of {report.located:,} points ({share:.0%}) lie outside every area of the map"
            + (": wrong map, wrong crs, or x and y swapped?" if share > SUSPECT_SHARE else ""),
            fg="yellow" if share > SUSPECT_SHARE else None,
        )
    for line in report.repairs:
        click.secho(inert(line), fg="yellow")
    print_words(report.words)


def print_waiting(letters: "pd.DataFrame") -> None:
    """Print the dead letters that wait by reason, if any, and the words to map."""
    from flows.ingest.dead_letters import by_reason, unknown_words

    if len(letters):
        print_frame(by_reason(letters), title="reports left out (dead letters), by reason", as_json=False)
        print_words(unknown_words(letters))


def print_words(words: "pd.DataFrame") -> None:
    """Print the offence words that no table of offences knows, with what to do, if there are any."""
    if len(words):
        print_frame(words, title="offence words to map", as_json=False)
        click.echo("Change the mapping's table of offences, then `harmspot replay`.")


def print_summary(home: "Home", summary: "RunSummary", *, as_json: bool) -> None:
    """Print one run: its counts, duration and output paths."""
    from flows.outputs.render import written_run
    from pipeline.publication.publish import latest_usable

    if as_json:
        print_json(summary.as_json())
        return
    click.echo(inert(summary.text()))
    if summary.unusable_because and (latest := latest_usable(home.path)):
        click.echo(f"  readers still get run {latest}, the latest usable one; this one by --run {summary.run_id}")
    if summary.near:
        click.echo(inert(f"  {summary.near}"))
    _print_what_to_know(summary)
    for path in (home.published, home.restricted, home.layers, home.report):
        click.echo(f"  {path}")
    if (drawn := written_run(home)) not in (summary.run_id, None):
        click.echo(
            f"  layers and report show run {drawn}, the latest; this one: layers --run {summary.run_id} --out FOLDER"
        )


def print_summaries(summaries: "list[RunSummary]", *, as_json: bool) -> None:
    """Print several runs, one line each."""
    lines = [summary.text() for summary in summaries] or ["no run needed"]
    print_object([summary.as_json() for summary in summaries], lines, as_json=as_json)
    if summaries and not as_json:
        _print_what_to_know(summaries[-1])


def _print_what_to_know(summary: "RunSummary") -> None:
    for warning in summary.warnings:
        log.write(f"Look: {warning}", logging.WARNING)
    if summary.unusable_because:
        from pipeline.publication.publish import unusable

        log.write(unusable(summary.unusable_because), logging.ERROR)
    if summary.halted_because:
        log.write(summary.halted_because, logging.ERROR)


def print_object(content: Any, lines: list[str], *, as_json: bool) -> None:
    """Print `lines`, or `content` as JSON."""
    if as_json:
        print_json(content)
    else:
        click.echo(inert("\n".join(lines)))


def print_json(content: Any) -> None:
    """Print JSON-ready content; a figure that is none (NaN, infinite) is null, as JSON knows no other."""
    click.echo(inert_in_json(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)))


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def say_unusable(home: "Home", run_id: str | None) -> None:
    """Say on standard error that a run (default: the latest) is unusable, if it is."""
    from pipeline.publication.publish import unusable_run

    if said := unusable_run(home.path, run_id):
        log.write(said, logging.ERROR)

"""The fairness page: every figure with its denominator, what is withheld said as withheld, the day in its head."""

from datetime import date

import numpy as np
import pandas as pd

from pipeline.pages.audit import FIGURES, FairnessPage, render_fairness

NAN = np.nan


def page_of(group: str = "north", grouping: str = "Testford") -> FairnessPage:
    """A page with every figure; one group is shown, the other is withheld in all but its base."""
    rows = [
        (group, 300.0, 300.0, 60.0, 0.2, 1.5, 1.2, 1.9, 1.3, 0.001, False, "", "above"),
        ("not stated", 100.0, 100.0, NAN, NAN, NAN, NAN, NAN, NAN, 0.001, True, "below", "below"),
        ("everybody", 400.0, 400.0, 64.0, 0.16, NAN, NAN, NAN, NAN, NAN, False, "", ""),
    ]
    columns = ["group", "people", "base", "part", "rate", "ratio", "lo", "hi", "least_ratio", "p_value"]
    table = pd.DataFrame(rows, columns=[*columns, "is_withheld", "bound", "finding"])
    of_hours = ("hours_today", "hours_proposed", "visit_minutes")
    figures = [
        table.assign(figure=name, grouping="" if name in of_hours else "any: x" if name == "forecast" else grouping)
        for name in FIGURES
    ]
    counts = {"at_risk": [300, 100, 400], "suspects": [200, NAN, 250], "victims": [NAN, NAN, NAN]}
    shares = pd.DataFrame({"group": [group, "not stated", "everybody"], **counts})
    shares = shares.assign(**{f"{name}_share": shares[name] / shares[name].iloc[-1] for name in counts})
    fifths = {"residents": 900.0, "public_count": 30, "today_hours": 4.0, "proposed_hours": 5.0, "visit_minutes": 60.0}
    return FairnessPage(
        title=grouping,
        made_on=date(2026, 3, 1),
        shares={grouping: shares},
        figures=pd.concat(figures, ignore_index=True),
        fifths=pd.DataFrame({"fifth": [1, 2], "areas": 3, **fifths}),
        about_records=grouping,
        notes=[],
    )


def test_every_figure_stands_with_its_base_and_part_and_what_is_withheld_says_so() -> None:
    html = render_fairness(page_of())
    table = html.split('aria-label="On the list of people by harm"')[1].split("</table>")[0]
    north, unstated, everybody = table.split("<tbody>")[1].split("</tr>")[:3]
    assert [text in north for text in (">300<", ">60<", ">20%<", "1.50", "1.20 to 1.90", "0.77 or 1.30")] == [True] * 6
    assert ">100<" in unstated and "withheld" in unstated and "at any count under ten" in unstated
    assert ">400<" in everybody and ">64<" in everybody
    assert '<meta name="harmspot-made-on" content="2026-03-01">' in html


def test_findings_are_told_first() -> None:
    html = render_fairness(page_of())
    told = html.split('<ul class="words">')[1].split("</ul>")[0]
    assert told.count("<li>") == 2 * len(FIGURES)
    assert "No difference was found" not in html

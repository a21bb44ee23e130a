"""The page about a trial: complete, self-contained, the same every time."""

import re

import pandas as pd

from pipeline.pages.evaluation import render_evaluation

METHODS = ["harmspot, by harm", "harmspot, by events", "count, 365 days", "look-ahead harm (no method)"]


VERDICTS = ["Of 900 intervals of the harm 720 contained the outcome: 80.0% (78% to 82%), promised 80%: as promised."]


def tables() -> dict[str, pd.DataFrame]:
    each = [(method, metric, share) for method in METHODS for metric in ("harm_share", "pai") for share in (0.01, 0.05)]
    names = pd.DataFrame(each, columns=["method", "metric", "share"])
    origins = pd.concat([names.assign(origin_day=20000 + 7 * n, value=0.1 + 0.01 * n) for n in range(4)])
    return {
        "scores": names.assign(value=0.2, lo=0.1, hi=0.3),
        "differences": pd.DataFrame(
            {"measure": ["H@1%"], "against": "count", "difference": 0.01, "lo": -0.0123, "hi": 0.03, "ratio": 1.07}
        ),
        "by_origin": origins,
        "transform": pd.DataFrame({"decile": range(1, 11), "share": 0.1}),
        "calibration": pd.DataFrame(
            {"share": [0.01, 0.05], "forecast": 0.2, "observed": 0.3, "cell_horizons": [400, 500]}
        ),
        "coverage": pd.DataFrame(
            {"interval": ["harm"], "nominal": 0.8, "covered": 0.8, "lo": 0.78, "hi": 0.82, "cases": 900, "held": 720}
        ),
        "reliability": pd.DataFrame({"measure": ["coverage <80%>"], "value": [0.81]}),
        "stability": pd.DataFrame({"method": METHODS[:1], "share": [0.01], "jaccard": [0.97]}),
    }


def test_the_page_holds_every_plot_and_figure() -> None:
    html = render_evaluation("Testford & Co: 4 origins", VERDICTS, tables())
    assert html.count('<svg class="plot"') == 8
    assert html.index(VERDICTS[0]) < html.index("<svg")
    assert "Testford &amp; Co: 4 origins" in html
    assert "coverage &lt;80%&gt;" in html
    for figure in ("-0.0123 to 0.0300", "1.07", "0.97", "2024-10-04"):
        assert figure in html


def test_origin_by_origin_the_harm_forecast_stands_beside_the_count_alone() -> None:
    html = render_evaluation("Testford", VERDICTS, tables())
    lines = html[html.index("origin by origin") : html.index("Incidents found")]
    assert re.findall(r">([^<>]*)</text>", lines)[-2:] == ["harmspot, by harm", "count, 365 days"]
    assert lines.count('class="line') == 2


def test_the_page_needs_no_network_and_runs_no_script() -> None:
    html = render_evaluation("Testford", VERDICTS, tables())
    assert not re.findall(r"https?://|<script|<link|@import|url\(", html)
    assert "default-src 'none'" in html


def test_the_same_trial_gives_the_same_bytes() -> None:
    assert render_evaluation("Testford", VERDICTS, tables()) == render_evaluation("Testford", VERDICTS, tables())

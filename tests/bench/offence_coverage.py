"""Coverage of the expected counts by offence: rolling origins in the past of a home's incidents, each a horizon apart.

`python -m tests.bench.offence_coverage HOME CONFIG AS_OF GROUP…` prints how often what came lay in the 80% interval.
"""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.inputs.assembly import offence_counts, place_incidents, read_map, read_run_codebook
from models.area_review.offence_ranking import offence_groups, rank_offences

ORIGINS = 12
SEED = 20


def main(home: Home, as_of: datetime, groups: list[str]) -> None:
    """Print the coverage by group and shift."""
    settings, geography = home.settings, read_map(home.settings)
    config, codebook = settings.places, read_run_codebook(settings, as_of)
    longer = replace(settings, places=replace(config, horizon_days=3 * config.horizon_days))
    with open_home_snapshot(home, as_of) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, as_of, longer)
        counts = offence_counts(snapshot.connection, longer)
    shifts = [shift.name for shift in settings.force.day_shifts]
    codes = offence_groups(codebook)
    judged = []
    for origin in range(1, ORIGINS + 1):
        aged = counts.assign(age_days=counts["age_days"] - origin * config.horizon_days)
        past, came = aged[aged["age_days"] >= 0], aged[aged["age_days"].between(-config.horizon_days, -1)]
        said = rank_offences(past, geography.areas, codebook, shifts=shifts, config=config, seed=SEED)
        for group in groups:
            of_group = came[came["offence_code"].isin(codes[group][1])]
            n = of_group.astype({"area_id": "str", "shift": "str"}).groupby(["area_id", "shift"])["n"].sum()
            rows = said[said["offence_group"] == group].set_index(["area_id", "shift"])
            judged.append(rows.assign(origin=origin, came=n.reindex(rows.index).fillna(0)))
    cases = pd.concat(judged).reset_index().dropna(subset=["rank"])
    cases["held"] = cases["came"].between(cases["expected_lo"], cases["expected_hi"])
    cases["worst"] = cases.groupby(["offence_group", "shift", "origin"])["came"].rank(ascending=False, method="first")
    cases["is_worst"], cases["is_said"] = cases["worst"] <= config.top_k, cases["rank"] <= config.top_k
    table = cases.groupby(["offence_group", "shift"]).agg(
        cases=("held", "size"), covered=("held", "mean"), expected=("expected_count", "mean"), came=("came", "mean"),
    )  # fmt: skip
    hit = cases[cases["is_said"]].groupby(["offence_group", "shift"])["is_worst"].mean()
    print(table.assign(said_worst_that_were=hit).round(3).to_string())


if __name__ == "__main__":
    main(Home(Path(sys.argv[1]), Path(sys.argv[2])), datetime.fromisoformat(sys.argv[3]), sys.argv[4:])

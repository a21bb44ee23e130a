"""Validation of scores on records of real people: a file read through a mapping, by outcome."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.home.rows import to_json_rows
from models.evaluation.people_validation import PeopleTrial, PeopleTrialConfig, evaluate_people, score_records
from pipeline.sources.validation_people import RecordMapping, Records, read_record_mapping, read_records, select_records


@dataclass(frozen=True, slots=True)
class RecordsTrial:
    """The setup and the results by outcome; `left_out` counts the people left out by reason."""

    mapping: RecordMapping
    trials: dict[str, PeopleTrial]
    left_out: dict[str, dict[str, int]]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of all outcomes by name, with the outcome as first column."""
        names = [part.name for part in fields(PeopleTrial)]
        return {
            name: pd.concat(
                [getattr(trial, name).assign(outcome=outcome) for outcome, trial in self.trials.items()],
                ignore_index=True,
            ).pipe(lambda table: table[["outcome", *table.columns.drop("outcome")]])
            for name in names
        }

    def as_json(self) -> dict[str, Any]:
        """Return one JSON-ready object: the setup, counts of people left out, and every table as rows."""
        rows = {name: to_json_rows(table) for name, table in self.tables().items()}
        mapping = self.mapping
        setup = {"name": mapping.name, "about": mapping.about, "horizon_years": mapping.horizon_years}
        return {**setup, "left_out": self.left_out, **rows}


def evaluate_records(
    path: Path, mapping_file: Path, *, flagged_shares: tuple[float, ...], resamples: int, seed: int
) -> RecordsTrial:
    """Evaluate the scores on every outcome that the mapping names.

    Raises
    ------
    MappingError
        See `pipeline.sources.validation_people`.
    SourceError
        See `pipeline.sources.validation_people`.
    ValueError
        See `models.evaluation.people_validation.evaluate_people`.
    """
    mapping = read_record_mapping(mapping_file)
    rows = read_records(path)
    config = PeopleTrialConfig(flagged_shares=flagged_shares, resamples=resamples, seed=seed)
    selected = {name: select_records(rows, mapping, name) for name in mapping.outcomes}
    trials = {name: _evaluate(selection, mapping, config) for name, selection in selected.items()}
    return RecordsTrial(mapping, trials, {name: selection.left_out for name, selection in selected.items()})


def forecasts_of_records(path: Path, mapping_file: Path, *, seed: int) -> tuple[str, dict[str, pd.DataFrame]]:
    """Return what the records are about, and for each outcome the forecast and came of each person with the groups.

    Nobody is foretold by a model that was fitted on the own outcome; raises as `evaluate_records`.
    """
    mapping, rows = read_record_mapping(mapping_file), read_records(path)
    found = {}
    for name in mapping.outcomes:
        selection = select_records(rows, mapping, name)
        order = np.random.default_rng(seed).permutation(len(selection.known))
        known, came = selection.known.iloc[order], np.asarray(selection.came)[order]
        forecast = score_records(known, came, index_events=mapping.index_events)[1]
        found[name] = selection.attributes.iloc[order].assign(forecast=forecast, came=came).reset_index(drop=True)
    return mapping.about, found


def _evaluate(selection: Records, mapping: RecordMapping, config: PeopleTrialConfig) -> PeopleTrial:
    return evaluate_people(
        selection.known,
        selection.came,
        selection.published,
        selection.attributes,
        index_events=mapping.index_events,
        config=config,
    )

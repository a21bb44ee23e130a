"""People who offend exactly as the model says: what tests of coverage and of captured harm share."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.people_scores.config import PeopleConfig
from models.people_scores.evidence import AXES, BANDS
from models.people_scores.offending import COLUMNS
from models.people_scores.person_status import make_register
from models.people_scores.scoring import Scoring, score_people
from models.statistics.rank_draws import rank_draws

AS_OF = pd.Timestamp("2026-01-01", tz="UTC")
TIME = "datetime64[us, UTC]"
HARM_DAYS = dict(zip(COLUMNS, [700.0, 100.0, 10.0, 400.0, 60.0, 5.0, 365.0, 90.0, 20.0], strict=True))
SHAPE = np.array([0.3, 0.4, 0.6, 0.2, 0.4, 0.6, 0.15, 0.2, 0.3])
MEAN_PER_YEAR = np.array([0.08, 0.12, 0.4, 0.02, 0.1, 0.5, 0.03, 0.03, 0.05])
WINDOW_DAYS = 1825


def undecayed(top_k: int, draws: int) -> PeopleConfig:
    """The model as it stands in its formulas: nothing ages, and the weights are sure."""
    return PeopleConfig(
        window_days=WINDOW_DAYS,
        half_life_days=np.inf,
        top_k=top_k,
        top_share=1,
        draws=draws,
        concentration=np.inf,
        weights={"violence": 0.5, "disorder": 0.2, "minors": 0.3},
        target_probability=0.8,
        warn_probability=0.5,
        leave_margin=0.1,
        minimum_exposure_days=30,
        term_days=90,
        call_in_size=10,
        attendance_probability=0.6,
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """A population scored, beside the truth: by scored person, true rank, true harm, raw harm and posterior mean."""

    scoring: Scoring
    table: pd.DataFrame

    @property
    def coverage(self) -> float:
        """Share of people whose true rank lies in the 80% interval."""
        return float(self.table["true_rank"].between(self.table["rank_lo"], self.table["rank_hi"]).mean())

    def captured(self, by: str, top_k: int) -> float:
        """True harm that the K greatest by a column hold, over the most that K people could."""
        order = self.table.sort_values(by, ascending=False, kind="stable")
        return float(order["true_harm"].head(top_k).sum() / self.table["true_harm"].nlargest(top_k).sum())


def score_population(seed: int, people: int, config: PeopleConfig) -> Scored:
    """Draw people from the model, let them offend, score them with priors fitted on what they did."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"p{i:06d}" for i in range(people)], name="person_id")
    true_per_day = rng.gamma(SHAPE, MEAN_PER_YEAR / SHAPE, (people, len(COLUMNS))) / 365.25
    away_days = np.where(rng.random(people) < 0.4, rng.uniform(0, 1500, people), 0.0).round()
    count = rng.poisson(true_per_day * (WINDOW_DAYS - away_days)[:, None])
    scoring = score_people(
        _register(ids), _evidence(ids, count, rng), _custody(ids, away_days), as_of=AS_OF, config=config, seed=seed
    )
    assert scoring.ranking is not None
    return Scored(scoring, _beside_truth(scoring, ids, true_per_day, count))


def _beside_truth(scoring: Scoring, ids: pd.Index, true_per_day: np.ndarray, count: np.ndarray) -> pd.DataFrame:
    at = ids.get_indexer(scoring.scored)
    true_harm = true_per_day[at] * np.array(list(HARM_DAYS.values()))
    by_axis = true_harm.reshape(len(at), len(AXES), len(BANDS)).sum(axis=2)
    scale = scoring.scale
    assert scale is not None and scoring.ranking is not None
    score = by_axis / (by_axis + scale.kappa) @ scale.weights
    return scoring.ranking.table.assign(
        true_rank=rank_draws(score[:, None])[:, 0],
        true_harm=true_harm.sum(axis=1),
        raw_harm=count[at] @ np.array(list(HARM_DAYS.values())),
        raw_count=count[at].sum(axis=1),
    )


def _register(ids: pd.Index) -> pd.DataFrame:
    persons = pd.DataFrame(
        {
            "person_id": ids,
            "birth_date": pd.Timestamp("1980-06-15").date(),
            "birth_year": pd.Series(pd.NA, index=range(len(ids)), dtype="Int32"),
            "deceased_at": pd.Series(pd.NaT, index=range(len(ids)), dtype=TIME),
            "is_treatment_consented": False,
            "is_treatment_engaged": False,
        }
    )
    return make_register(persons, AS_OF)


def _evidence(ids: pd.Index, count: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    person, column = (np.repeat(each.ravel(), count.ravel()) for each in np.indices(count.shape))
    age_days = rng.integers(0, WINDOW_DAYS, len(person))
    return pd.DataFrame(
        {
            "person_id": ids[person],
            "incident_id": [f"i{i}" for i in range(len(person))],
            "axis": np.array([axis for axis, _ in COLUMNS])[column],
            "band": np.array([band for _, band in COLUMNS])[column],
            "harm_days": np.array(list(HARM_DAYS.values()))[column],
            "factor": 1.0,
            "age_days": age_days,
            "occurred_at": pd.Series(AS_OF - pd.to_timedelta(age_days * 24 + 3, unit="h")).astype(TIME),
        }
    )


def _custody(ids: pd.Index, away_days: np.ndarray) -> pd.DataFrame:
    """Away from a day within the window on, and out again before the clock."""
    inside = away_days > 0
    until = pd.Series(AS_OF - pd.Timedelta(days=100), index=range(int(inside.sum()))).astype(TIME)
    return pd.DataFrame(
        {
            "person_id": ids[inside],
            "custody_from": until - pd.to_timedelta(away_days[inside], unit="D"),
            "custody_to": until,
            "kind": "prison",
        }
    )

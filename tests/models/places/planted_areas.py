"""Areas whose rates are planted and drift: what an interval of the ranking should hold is known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# offence: (axis, harm_days, band, mean incidents a day and area, shape of the gamma of areas)
OFFENCES = {
    "homicide": ("violence", 5475.0, "high", 0.002, 0.8),
    "robbery": ("violence", 365.0, "high", 0.05, 1.0),
    "violence_minor": ("violence", 10.0, "low", 0.5, 2.0),
    "burglary": ("none", 273.5, "mid", 0.08, 1.5),
    "theft": ("none", 2.0, "low", 1.0, 1.0),
    "antisocial_behaviour": ("disorder", 1.0, "low", 0.4, 0.7),
}
CODEBOOK = pd.DataFrame.from_dict(
    {code: values[:3] for code, values in OFFENCES.items()}, orient="index", columns=["axis", "harm_days", "band"]
).rename_axis("offence_code")


@dataclass(frozen=True)
class PlantedAreas:
    """Areas with gamma rates per offence, which wander from month to month and come in clusters.

    Attributes
    ----------
    areas, days : int
        size; the day before the last horizon is `days` less its length.
    drift : float
        standard deviation of the monthly step of log-rates, which return to their mean by a tenth a month.
    excess : float
        variance over mean of the incidents of one area, offence and day, less one.
    times : float
        of the mean rates.
    """

    areas: int = 1000
    days: int = 1000
    drift: float = 0.0
    excess: float = 0.0
    times: float = 1.0
    seed: int = 1

    def rates(self) -> np.ndarray:
        """Incidents a day [areas, offences, months of 30 days]."""
        random = np.random.default_rng(self.seed)
        mean = np.array([of[3] for of in OFFENCES.values()]) * self.times
        shape = np.array([of[4] for of in OFFENCES.values()])
        base = random.gamma(shape, mean / shape, size=(self.areas, len(OFFENCES)))
        months = -(-self.days // 30)
        walk = np.zeros((self.areas, len(OFFENCES), months))
        for month in range(months):
            step = random.normal(0, self.drift, size=walk.shape[:2]) if self.drift else 0.0
            walk[:, :, month] = (0.9 * walk[:, :, month - 1] if month else 0.0) + step
        return base[:, :, None] * np.exp(walk)

    def events(self) -> pd.DataFrame:
        """area_id, offence_code, discovery, is_minor_used_by_adult, day, n."""
        random = np.random.default_rng(self.seed + 1)
        mean = np.repeat(self.rates(), 30, axis=2)[:, :, : self.days]
        if self.excess:
            mean = random.gamma(mean / self.excess, self.excess)
        n = random.poisson(mean)
        area, offence, day = np.nonzero(n)
        return pd.DataFrame(
            {
                "area_id": np.array(self.area_ids)[area],
                "offence_code": np.array(list(OFFENCES))[offence],
                "discovery": "public",
                "is_minor_used_by_adult": False,
                "day": day,
                "n": n[area, offence, day],
            }
        )

    @property
    def area_ids(self) -> list[str]:
        return [f"a{number:05d}" for number in range(self.areas)]

    def officer_hours(self) -> pd.DataFrame:
        return pd.DataFrame({"area_id": self.area_ids, "hours_per_day": 24.0, "is_assumed": True})

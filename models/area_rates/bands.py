"""Rates of one group and severity band: prior over the areas, posterior of each area, and draws for the days ahead.

The rate is gamma–Poisson (Clayton and Kaldor 1987, Biometrics 43:671), its prior fitted on whole counts. A decayed
count y of a constant rate has less variance than a Poisson count of its mean, so y and its exposure are scaled by
k = Σδ / Σδ² before they enter the posterior (the scaling of a quasi-Poisson count, McCullagh and Nelder 1989, section
6.2). The offences of an area are a multinomial whose probabilities are Dirichlet around those of the whole force.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from models.area_rates.decay import AHEAD, Decay
from models.area_rates.past_origins import Spread, learn_spread
from models.arrays import Floats
from models.statistics.empirical_bayes import GammaPrior, fit_gamma_prior
from models.statistics.rank_draws import draw_each, generator

MIX_SIZES = np.geomspace(1.0, 1e6, 31)


@dataclass(frozen=True, slots=True)
class BandPrior:
    """What is known of one group and severity band over all areas.

    Attributes
    ----------
    prior : GammaPrior
        of incidents per day and unit of size.
    weights : Floats
        [w] distinct harm days of its offences.
    mix : Floats
        [w] share of the force's decayed incidents with each.
    mix_size : float
        incidents that the force's mix is worth beside an area's own.
    spread : Spread
        of what comes around what is expected.
    expected_level : float
        of the whole force in the days ahead, over that of the decayed window: `level_factor`.
    """

    prior: GammaPrior
    weights: Floats
    mix: Floats
    mix_size: float
    spread: Spread
    expected_level: float = 1.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """Incidents and harm days a day: means [areas, 1] and draws [areas, draws].

    The means are exact: of events as rare as homicide, draws seldom hold one.
    """

    mean_crimes: Floats
    mean_harm: Floats
    crimes: Floats
    harm: Floats


@dataclass(frozen=True, slots=True)
class BandDraws:
    """Incidents and harm days a day of one band, by the rate now and in the days ahead: what is expected, and draws."""

    now: Drawn
    ahead: Drawn


def fit_band(
    counts: Floats,
    weights: Floats,
    decay: Decay,
    *,
    horizon_days: int,
    origins: int,
    size: Floats | None = None,
    expected_level: float = 1.0,
) -> BandPrior:
    """Fit the prior of a band.

    Parameters
    ----------
    counts : Floats
        [areas, w, days] whole incidents by age from -1 day on; older ones than the window teach the spread.
    weights : Floats
        [w] harm days.
    origins : int
        result of `origins_known`.
    size : Floats | None
        [areas] sizes; rates vary per unit of them. An area without one, NaN, has no part in the prior of rates. None is
        one for all.
    expected_level : float
        that of `BandPrior`.
    """
    size = np.ones(len(counts)) if size is None else size
    recent = counts[:, :, : decay.window_days + AHEAD]
    whole = recent.sum(axis=2)
    in_all = whole.sum(axis=1)
    by_area = decayed_counts(recent, decay)
    decayed, is_sized = by_area.sum(axis=0), ~np.isnan(size)
    prior = fit_gamma_prior(in_all, float(decay.window_days) * np.nan_to_num(size))
    if in_all[is_sized].any():  # the level is that of late
        seen = float(by_area[is_sized].sum(axis=0).sum())
        prior = GammaPrior(prior.shape, prior.shape * size[is_sized].sum() * decay.days / seen)
    mix = decayed / decayed.sum()
    spread = learn_spread(counts.sum(axis=1), prior, np.nan_to_num(size, nan=1.0), decay, horizon_days, origins)
    return BandPrior(prior, weights, mix, _fit_mix_size(whole, mix), spread, expected_level)


def decayed_counts(counts: Floats, decay: Decay) -> Floats:
    """Return decayed incidents [areas, w] of whole ones [areas, w, days] by age from -1 day on."""
    return np.einsum("awd,d->aw", counts, decay.factors())


def draw_band(
    decayed: Floats,
    prior: BandPrior,
    stream: str,
    area_ids: Sequence[str],
    *,
    decay: Decay,
    horizon_days: int,
    draws: int,
    seed: int,
    size: Floats | None = None,
) -> BandDraws:
    """Draw rates and the days ahead of each area, from streams keyed by seed, area and band.

    Parameters
    ----------
    decayed : Floats
        [areas, w] result of `decayed_counts`.
    size : Floats | None
        [areas] that of `fit_band`; an area without one is drawn as one of size one. All draws are of the whole area.
    """
    seen = decay.scale * decayed
    shape = prior.prior.shape + seen.sum(axis=1)
    units = np.ones(len(decayed)) if size is None else np.nan_to_num(size, nan=1.0)
    rate = prior.prior.rate / units + decay.scale * decay.days
    mix = seen + prior.mix_size * prior.mix
    mix /= mix.sum(axis=1, keepdims=True)
    level = prior.expected_level * _draw_level(prior.spread.force, draws, seed)
    mean = (shape / rate)[:, None]
    mean_weight = (mix * prior.weights).sum(axis=1)[:, None]
    now = Drawn(mean, mean * mean_weight, *np.empty((2, len(decayed), draws)))
    ahead = Drawn(
        *(prior.expected_level * of_rate for of_rate in (now.mean_crimes, now.mean_harm)),
        *np.empty((2, len(decayed), draws)),
    )

    # Area by area on purpose: one stream each makes the draws independent of which others are present, and of which
    # thread draws them. NumPy draws outside Python's lock.
    def draw(area: int) -> None:
        random = generator(seed, f"{area_ids[area]} {stream}")
        now.crimes[area] = random.standard_gamma(shape[area], draws) / rate[area]
        now.harm[area] = now.crimes[area] * mean_weight[area]
        drift = random.standard_gamma(1 / prior.spread.area, draws) * prior.spread.area
        of_kind = np.flatnonzero(mix[area])
        come = random.poisson(mix[area, of_kind, None] * (horizon_days * level * drift * now.crimes[area]))
        ahead.crimes[area] = come.sum(axis=0) / horizon_days
        ahead.harm[area] = (prior.weights[of_kind, None] * come).sum(axis=0) / horizon_days

    draw_each(draw, len(decayed))
    return BandDraws(now, ahead)


def _draw_level(variance: float, draws: int, seed: int) -> Floats:
    """Draw log-normal factors with mean one: the same for all areas, and high or low together in all bands."""
    sd = np.sqrt(np.log1p(variance))
    return np.exp(sd * generator(seed, "level of the force").standard_normal(draws) - sd**2 / 2)


def _fit_mix_size(counts: Floats, mix: Floats) -> float:
    """Return the size of the Dirichlet around `mix` under which the counts [areas, w] are most likely."""
    kinds = mix > 0
    alpha = MIX_SIZES[:, None, None] * mix[kinds]
    in_all = counts[:, kinds].sum(axis=1)
    by_kind = (gammaln(alpha + counts[:, kinds]) - gammaln(alpha)).sum(axis=(1, 2))
    by_area = (gammaln(MIX_SIZES[:, None]) - gammaln(MIX_SIZES[:, None] + in_all)).sum(axis=1)
    return float(MIX_SIZES[np.argmax(by_kind + by_area)])

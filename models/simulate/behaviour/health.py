"""What policing brings unintended, planted from a day on, and the events of health partners by which it is seen.

A town has them only if it is given `SideEffects`. Their draws are keyed apart, so that no other draw of a town changes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.simulate.output.events import Emitted, emit
from models.simulate.output.incident import SUSPECT, blank
from models.simulate.world.days import DAY_S, PROFILE, Day, iso
from models.simulate.world.draws import mix, uniforms
from models.simulate.world.people import People
from models.simulate.world.sites import Sites
from models.simulate.world.town import Town
from models.simulate.world.vocabulary import CHANNEL, CODE, DISCOVERY, NONE, ROLE, SUBJECT, SUBSTANCE

_STREAM = 1000  # beyond every other stream
NEVER = 10**6  # a day that no town reaches
SERVICE, EXCHANGES = "treatment service", 2  # needle exchanges: in the areas of the first street markets
# Events a day: of the whole town, of an exchange, of an area with a street market.
STARTS, RETAINED, LEFT, NALOXONE, VISITS, COMPLAINTS, OUTREACH = 1.1, 0.8, 0.4, 2.0, 5.0, 0.15, 1.5
OUTREACH_HOURS, WAIT_DAYS = 4.0, 14.0
PRICE = {"heroin": 60.0, "crack": 90.0, "cocaine": 70.0, "cannabis": 10.0, "fentanyl": 110.0}
_PRICE = np.array([PRICE[name] for name in SUBSTANCE])
_ADDED = (CODE["overdose"], CODE["violence_with_injury"], CODE["drug_supply"])
_SUPPLY = (CODE["drug_supply"], CODE["supply_using_minor"])


@dataclass(frozen=True, slots=True)
class SideEffects:
    """From `from_day` on: shares, factors of what was before, and what is added a day at each street market."""

    from_day: int = NEVER
    fentanyl_share: float = 0.5  # of the heroin
    treatment: float = 0.5  # of starts, retention, naloxone and needle exchange
    wait: float = 1.5
    price: float = 1.3
    purity: float = 0.7
    complaints: float = 3.0
    overdoses_a_day: float = 0.5
    violence_a_day: float = 0.4
    new_sellers_a_day: float = 0.4
    outreach: float = 0.4  # of its hours

    def is_on(self, day: int) -> bool:
        """Return whether the effects have begun on a day of the town."""
        return day >= self.from_day


def with_drug_fields(rows: np.ndarray, effects: SideEffects, begins_s: int) -> np.ndarray:
    """Return incident rows with price and purity of drugs sold, deaths and naloxone at overdoses, and the shift."""
    filled, number = rows.copy(), rows["number"]
    is_on = rows["occurred_s"] >= begins_s
    shifts = is_on & (rows["substance"] == SUBSTANCE["heroin"]) & (uniforms(number, 90) < effects.fentanyl_share)
    filled["substance"][shifts] = SUBSTANCE["fentanyl"]
    is_tested = np.isin(rows["code"], _SUPPLY) & (rows["substance"] != NONE) & (uniforms(number, 91) < 0.7)
    spread = np.exp(0.5 * (uniforms(number, 92) - 0.5))
    price = _PRICE[filled["substance"]] * spread * np.where(is_on, effects.price, 1.0)
    purity = (0.2 + 0.4 * uniforms(number, 93)) * np.where(is_on, effects.purity, 1.0)
    filled["price"] = np.where(is_tested, price.round(2), 0.0)
    filled["purity"] = np.where(is_tested, purity.round(3), 0.0)
    is_overdose = rows["code"] == CODE["overdose"]
    filled["is_fatal"] = is_overdose & (uniforms(number, 94) < 0.08)
    filled["is_naloxone"] = is_overdose & ~filled["is_fatal"] & (uniforms(number, 95) < 0.4)
    return filled


def added_incidents(seed: int, day: Day, sites: Sites, people: People, effects: SideEffects) -> np.ndarray:
    """Return what is added at the street markets on a day: overdoses, violence, and sales by people new to selling."""
    per_day = [effects.overdoses_a_day, effects.violence_a_day, effects.new_sellers_a_day]
    rng = np.random.default_rng([seed, day.number + 1, _STREAM])
    counts = rng.poisson(np.array(per_day) * effects.is_on(day.number), (len(sites.markets), len(_ADDED)))
    market, kind = (np.repeat(of, counts.ravel()) for of in np.indices(counts.shape).reshape(2, -1))
    rows = blank(mix(seed, _STREAM, day.number, np.arange(len(market))))
    is_overdose, is_sale = kind == 0, kind == 2
    rows["code"] = np.array(_ADDED)[kind]
    rows["discovery"] = np.where(is_overdose, DISCOVERY["partner"], DISCOVERY["public"])
    rows["channel"] = np.where(is_overdose, CHANNEL["partner"], CHANNEL["call"])
    rows["subject"] = np.where(is_overdose, SUBJECT["overdose"], NONE)
    points = [sites.markets[number].points for number in market.tolist()]
    rows["point"] = [one[int(u * len(one))] for one, u in zip(points, rng.random(len(market)).tolist(), strict=True)]
    profile = np.full(len(market), PROFILE["evening"])
    rows["occurred_s"] = day.seconds(profile, *rng.random((2, len(market))))
    rows["person"][is_sale, SUSPECT] = rng.choice(people.of("resident"), int(is_sale.sum()))
    rows["role"][is_sale, SUSPECT] = ROLE["suspect"]
    return rows


def health_events(seed: int, day: Day, town: Town, sites: Sites, effects: SideEffects) -> list[Emitted]:
    """Return what health partners and the public tell of a day: sums without anybody's name."""
    rng = np.random.default_rng([seed, day.number + 1, _STREAM + 1])
    is_on = effects.is_on(day.number)
    less, more = (effects.treatment, effects.complaints) if is_on else (1.0, 1.0)
    markets = [town.area_ids[market.area] for market in sites.markets]
    exchanges = (*markets, *town.area_ids)[:EXCHANGES]
    outreach = OUTREACH * (effects.outreach if is_on else 1.0)
    sums = rng.poisson([STARTS * less, RETAINED * less, LEFT / less, NALOXONE * less, outreach])
    visits, complaints = rng.poisson(VISITS * less, len(exchanges)), rng.poisson(COMPLAINTS * more, len(markets))
    waits = rng.gamma(4, WAIT_DAYS / 4, sums[0]) * (effects.wait if is_on else 1.0)
    kinds = ("referral_started", "referral_retained", "treatment_left", "naloxone_given")
    told: list[dict[str, Any]] = [
        *({"kind": kind, "count": n} for kind, n in zip(kinds, sums[:4].tolist(), strict=True) if n),
        *({"kind": "treatment_wait", "days": round(days, 1)} for days in waits.tolist()),
        *({"kind": "outreach", "hours": OUTREACH_HOURS} for _ in range(sums[4])),
        *(
            {"kind": "needle_exchange", "area": area, "count": int(n)}
            for area, n in zip(exchanges, visits, strict=True)
            if n
        ),
        *({"kind": "complaint", "area": area} for area, n in zip(markets, complaints, strict=True) for _ in range(n)),
    ]
    numbers = mix(seed, _STREAM + 1, day.number, np.arange(len(told))).tolist()
    at_s = day.start_s + DAY_S // 2
    return [
        emit(
            seed, "actions",
            {"action_id": f"H{number:016x}", "version": 1, "actor": SERVICE, **data, "at": iso([at_s])[0]},
            iso([at_s])[0], at_s,
        )
        for number, data in zip(numbers, told, strict=True)
    ]  # fmt: skip

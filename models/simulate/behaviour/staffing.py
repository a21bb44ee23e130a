"""Officer-hours by area and shift: proportional to expected incidents; one area gets a third of its share."""

import numpy as np

from models.simulate.behaviour.background import expected_per_day
from models.simulate.behaviour.markets import expected_at_sites
from models.simulate.behaviour.offending import expected_of
from models.simulate.output.events import Emitted, emit
from models.simulate.world.days import Day, iso
from models.simulate.world.draws import Floats, generator
from models.simulate.world.people import People
from models.simulate.world.sites import Sites
from models.simulate.world.town import Town

SHIFT_STARTS_H = (7, 15, 23)
SHIFT_HOURS = 8
SHIFT_SHARES = np.array([0.34, 0.38, 0.28])
HOURS_PER_INCIDENT = 6.0  # rostered officer-hours per expected incident
UNDERSTAFFED_SHARE = 0.33


def rostered_per_day(town: Town, sites: Sites, people: People) -> Floats:
    """Return the officer-hours rostered per day, by area."""
    expected = expected_per_day(town) + expected_at_sites(sites, len(town.area_ids)) + expected_of(people, town)
    hours = HOURS_PER_INCIDENT * expected
    return np.where(np.arange(len(hours)) == sites.understaffed_area, UNDERSTAFFED_SHARE * hours, hours)


def staffing_events(seed: int, day: Day, town: Town, sites: Sites, people: People) -> list[Emitted]:
    """Return the three shifts that begin on a day, reported at their end; abstractions take about a sixth of hours."""
    rng = generator(seed, day.number, "staffing")
    rostered = rostered_per_day(town, sites, people)[:, None] * SHIFT_SHARES
    available = rostered * (1 - rng.beta(4, 20, rostered.shape))
    starts_s = day.start_s + 3600 * np.array(SHIFT_STARTS_H)
    ends_s = starts_s + 3600 * SHIFT_HOURS
    starts, ends = iso(starts_s), iso(ends_s)
    events = []
    for (area, shift), hours in np.ndenumerate(rostered):
        data = {
            "area_id": town.area_ids[area],
            "shift_start": starts[shift],
            "shift_end": ends[shift],
            "rostered_hours": round(float(hours), 1),
            "available_hours": round(float(available[area, shift]), 1),
        }
        events.append(emit(seed, "staffing", data, ends[shift], int(ends_s[shift]) + 60, part=starts[shift]))
    return events

"""Drafted notices of a run: fields from the models, pages from the templates. Always drafts; people approve."""

from datetime import date

import pandas as pd

from flows.assembly import Map, PeopleFrames
from flows.identity import RunIdentity
from models.markets import Markets
from models.notices import draft_area_notices, draft_person_notices
from pipeline.notice_page import render_notices

AREA_COLUMNS = [
    "notice_id", "market_id", "area_id", "status", "language", "starts_on", "ends_on", "behaviours", "evidence_ids",
    "title", "body_html",
]  # fmt: skip
PERSON_COLUMNS = [
    "notice_id", "person_id", "status", "language", "respond_by", "behaviours", "evidence_ids", "title", "body_html",
]  # fmt: skip


def area_notices(markets: Markets, chart: Map, identity: RunIdentity) -> pd.DataFrame:
    """Return area_notice less run columns."""
    settings = identity.settings
    drafts = draft_area_notices(
        markets.markets,
        markets.evidence,
        chart.areas.set_index("area_id")["area_name"],
        as_of=_local_day(identity),
        window_weeks=settings.markets.window_weeks,
        config=settings.notices,
    )
    return drafts.join(render_notices(drafts))[AREA_COLUMNS]


def person_notices(
    person_tier: pd.DataFrame, frames: PeopleFrames, codebook: pd.DataFrame, identity: RunIdentity
) -> pd.DataFrame:
    """Return person_notice less run columns."""
    drafts = draft_person_notices(
        person_tier,
        frames.events,
        frames.persons,
        codebook,
        as_of=_local_day(identity),
        time_zone=identity.settings.force.time_zone,
        config=identity.settings.notices,
    )
    return drafts.join(render_notices(drafts))[PERSON_COLUMNS]


def _local_day(identity: RunIdentity) -> date:
    return identity.as_of.astimezone(identity.settings.force.zone).date()

"""Draft notices of a run: fields from the models, pages from the templates. People approve them."""

from datetime import date

import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.run.assembly import Map, PeopleFrames
from models.governance.notice_drafts import draft_area_notices, draft_person_notices, fields_json
from models.governance.reading_age import LANGUAGE as READABLE_LANGUAGE
from models.governance.reading_age import reading_age
from models.places.markets import Markets
from pipeline.pages.notice import render_notices
from pipeline.pages.notice_outline import notice_text

AREA_COLUMNS = [
    "notice_id", "market_id", "area_id", "status", "language", "serve_by", "starts_on", "ends_on", "behaviours",
    "evidence_ids", "title", "reading_age", "fields", "body_html",
]  # fmt: skip
PERSON_COLUMNS = [
    "notice_id", "person_id", "status", "language", "serve_by", "respond_by", "behaviours", "evidence_ids", "title",
    "reading_age", "fields", "body_html",
]  # fmt: skip


def area_notices(markets: Markets, geography: Map, identity: RunIdentity) -> pd.DataFrame:
    """Return area_notice less run columns."""
    settings = identity.settings
    drafts = draft_area_notices(
        markets.markets,
        markets.evidence,
        geography.areas.set_index("area_id")["area_name"],
        as_of=_local_day(identity),
        window_weeks=settings.markets.window_weeks,
        config=settings.notices,
    )
    return _rendered(drafts)[AREA_COLUMNS]


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
    return _rendered(drafts)[PERSON_COLUMNS]


def _rendered(drafts: pd.DataFrame) -> pd.DataFrame:
    """Add title, page, reading age and all fields as JSON."""
    pages = render_notices(drafts)
    ages = [
        reading_age(notice_text(body)) if language == READABLE_LANGUAGE else None
        for body, language in zip(pages["body_html"], drafts["language"], strict=True)
    ]
    fields = [fields_json(row) for row in drafts.to_dict("records")]
    more = {"reading_age": pd.array(ages, dtype="Float64"), "fields": pd.array(fields, dtype="str")}
    return drafts.join(pages).assign(**more)


def _local_day(identity: RunIdentity) -> date:
    return identity.as_of.astimezone(identity.settings.force.zone).date()

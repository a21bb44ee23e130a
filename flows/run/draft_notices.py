"""Draft notices of a run: fields from the models, pages from the templates. People approve them."""

from datetime import date

import pandas as pd

from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map, PeopleFrames
from models.governance.notice_drafts import draft_area_notices, draft_person_notices, fields_json
from models.governance.notice_kinds import KINDS, NoticeKind
from models.governance.reading_age import LANGUAGE as READABLE_LANGUAGE
from models.governance.reading_age import reading_age
from models.places.markets import Markets
from pipeline.pages.notice import render_notices
from pipeline.pages.notice_outline import notice_text
from pipeline.publication.tables import RUN_COLUMNS, read_tables


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
    return rendered(drafts, KINDS["area"])


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
    return rendered(drafts, KINDS["person"])


def rendered(drafts: pd.DataFrame, kind: NoticeKind) -> pd.DataFrame:
    """Return the kind's table less run columns: drafts with title, page, reading age and all fields as JSON."""
    pages = render_notices(drafts)
    ages = [reading_age_of(*page) for page in zip(pages["body_html"], drafts["language"], strict=True)]
    fields = [fields_json(row) for row in drafts.to_dict("records")]
    more = {"reading_age": pd.array(ages, dtype="Float64"), "fields": pd.array(fields, dtype="str")}
    columns = [name for name in read_tables().find(kind.table).column_names if name not in RUN_COLUMNS]
    return drafts.join(pages).assign(**more)[columns]


def reading_age_of(body_html: str, language: str) -> float | None:
    """Return the reading age of a page in years; None in a language that has no formula."""
    return reading_age(notice_text(body_html)) if language == READABLE_LANGUAGE else None


def _local_day(identity: RunIdentity) -> date:
    return identity.as_of.astimezone(identity.settings.force.zone).date()

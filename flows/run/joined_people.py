"""What a run says of people with several ids: since when these are joined, and the terms under each of them."""

import pandas as pd

from flows.inputs.previous_run import Previous
from models.governance.list_lifecycle import ENFORCEMENT_LISTS
from models.people_lists.listing_terms import terms_of_every_id
from models.people_lists.tier_changes import with_joined
from pipeline.store.same_people import SamePeople


def joined_people(
    lists: dict[str, pd.DataFrame], same: SamePeople, previous: Previous | None
) -> dict[str, pd.DataFrame]:
    """Return the lists with what those who use them have to know of people with several ids.

    Lists that choose people for enforcement say since when the ids are joined, changes say that they were joined since
    the run before, and a term is kept under every id.
    """
    marked = {
        name: lists[name].assign(joined_since=pd.to_datetime(lists[name]["person_id"].map(same.since), utc=True))
        for name in ENFORCEMENT_LISTS
    }
    terms = {name: terms_of_every_id(lists[name], same.one_ids) for name in ("tier_term", "seller_term")}
    lately = {each for each, at in same.since.items() if previous and at > previous.known_at}
    return {**lists, **marked, **terms, "person_change": with_joined(lists["person_change"], lately)}

"""Reset the stored offsets of a topic that was recreated or truncated."""

import re

from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.errors import SourceError
from pipeline.events.batch import TopicPartition


def forget_offset(home: Home, named: str) -> dict[TopicPartition, int]:
    """Delete the stored offsets of `named`, log each and return them.

    The topic is then read from its first record; stored events are recognised by source and id.

    Parameters
    ----------
    home : Home
        Home whose store holds the offsets.
    named : str
        `TOPIC`, or `TOPIC[PARTITION]`.

    Returns
    -------
    dict[TopicPartition, int]
        The deleted offset of each partition.

    Raises
    ------
    SourceError
        The store holds no such offset.
    """
    topic, number = re.fullmatch(r"(.*?)(?:\[(\d+)\])?", named, re.DOTALL).groups()  # type: ignore[union-attr]
    with open_home_store(home) as store:
        forgotten = store.forget_offsets(topic, None if number is None else int(number))
        if not forgotten:
            held = ", ".join(f"{name}[{partition}]" for name, partition in store.offsets()) or "none"
            raise SourceError(f"the store has no offset of {named!r}; it has those of: {held}")
    for (name, partition), offset in forgotten.items():
        home.progress(f"{name}[{partition}]: forgot offset {offset:,}; it is read from its first record")
    return forgotten

"""The reasons for which a record is left out, in words; the codes stay in tables and JSON."""

WORDS = {
    "ambiguous_date": "the date may be read day first or month first",
    "bad_coordinate": "the coordinates are of no place on the map",
    "bad_interval": "the end is before the beginning",
    "bad_value": "a value is not in the stated format or not an allowed one",
    "bad_zone": "the time zone is not known",
    "empty_id": "they have no id",
    "empty_record": "they are empty",
    "future_date": "the date is still to come",
    "impossible_date": "the date cannot be right",
    "missing_field": "a value that must be there is blank",
    "naive_time": "the time has no time zone",
    "names_person": "a field holds the pseudonym of a person",
    "no_location": "they have no location",
    "not_cloudevents": "they are no event as harmspot reads them",
    "not_json": "they are not JSON",
    "not_utf8": "they are not text in UTF-8",
    "repeated_key": "a key stands twice in them",
    "same_id": "rows of one id contradict each other",
    "too_deep": "they are nested too deep",
    "too_large": "they are too large",
    "unchecked_offence": "the offence is marked as to be checked",
    "unknown_field": "a field is not known",
    "unknown_incident": "they name an incident that is not known",
    "unknown_offence_code": "the offence is not in the table of offences",
    "unknown_type": "the type of event is not known",
    "unread_line": "the line cannot be read",
    "wrong_schema_version": "the version of the schema is not known",
    "wrong_type": "a field holds another kind of value",
}


def in_words(reason: str) -> str:
    """Return why records were left out, as in "12 reports left out: they have no location".

    >>> in_words("no_location"), in_words("not_yet_named")
    ('they have no location', 'not yet named')
    """
    return WORDS.get(reason, reason.replace("_", " "))

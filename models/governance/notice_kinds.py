"""Kinds of notices: for each its subject, fields, consequence, manners of service and days.

A kind is declared here once; nothing else lists the kinds. `CONTRIBUTING.md` has the steps to add one.
"""

from dataclasses import dataclass

COMMON_FIELDS = (
    "notice_id",
    "kind",
    "status",
    "language",
    "sender",
    "legal_basis",
    "behaviours",
    "facts",
    "evidence_ids",
    "consequence",
    "help_contact",
    "complaint_route",
    "written_on",
    "serve_by",
    "approved_by",
)


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """A kind of notice; its tables are `<name>_notice` and `<name>_notice_state`, its page `notice_<name>.html.jinja`.

    Attributes
    ----------
    name : str
        Value of the field `kind`.
    subject : str
        Field with the id of what the notice is about. If it is `person_id`, the notice is to a person: reads are
        logged, and it can only be served while an active list supports it.
    own_fields : tuple of str
        Fields beside COMMON_FIELDS, with `subject`. A kind with `starts_on` announces an operation; one with
        `recipient` has a name filled in by hand.
    fact_fields : frozenset of str
        Fields of each fact. Where they include `evidence_id` or `role`, these are checked.
    consequence : str
        What the force itself can deliver; the texts state it in each language.
    manners : tuple of str
        Allowed manners of service (`Manner` in pipeline.store.human_events).
    days : tuple of str
        Own fields that are days, in their order in time; the last one ends the announced period.
    """

    name: str
    subject: str
    own_fields: tuple[str, ...]
    fact_fields: frozenset[str]
    consequence: str
    manners: tuple[str, ...]
    days: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields of a notice of this kind."""
        return (*COMMON_FIELDS, *self.own_fields)

    @property
    def table(self) -> str:
        """The table of drafts."""
        return f"{self.name}_notice"

    @property
    def state_table(self) -> str:
        """The table of states."""
        return f"{self.name}_notice_state"

    @property
    def is_to_person(self) -> bool:
        """Whether the notice is about a person."""
        return self.subject == "person_id"

    @property
    def announces_operation(self) -> bool:
        """Whether the notice announces the first day of an operation."""
        return "starts_on" in self.own_fields


KINDS: dict[str, NoticeKind] = {
    kind.name: kind
    for kind in (
        NoticeKind(
            name="area",
            subject="market_id",
            own_fields=(
                *("market_id", "area_id", "area_name", "lead_days", "starts_on", "ends_on", "window_weeks"),
                "is_provisional",
            ),
            fact_fields=frozenset({"behaviour", "report_count"}),
            consequence="daily_patrol_and_arrest_for_what_is_seen",
            manners=("displayed", "posted"),
            days=("starts_on", "ends_on"),
        ),
        NoticeKind(
            name="person",
            subject="person_id",
            own_fields=("person_id", "recipient", "respond_by"),
            fact_fields=frozenset({"behaviour", "label", "role", "occurred_on", "evidence_id"}),
            consequence="case_to_the_prosecutor_if_it_happens_again",
            manners=("in_person",),
            days=("respond_by",),
        ),
    )
}


def day_fields() -> list[str]:
    """Return the fields of all kinds that are days, in their order in time."""
    return list(dict.fromkeys(["written_on", "serve_by", *(day for kind in KINDS.values() for day in kind.days)]))

"""Drafts of notices to places and people: the content that law and fairness require, and forbidden content.

Notices carry three messages, a moral voice of the community, the exact legal exposure, a genuine offer of help, as in
custom notifications (Kennedy and Friedrich 2014, Custom Notifications, US Department of Justice COPS Office). Facts
and opinions are kept apart and readers learn their rights (Data Protection Act 2018, sections 38 and 44 to 47). Every
notice here has the status draft: only a named person approves it.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from models.governance.notice_kinds import KINDS, NoticeKind, day_fields
from models.places.axes import uses_minors

BEHAVIOURS = ("flagrant_dealing", "violence", "disorder", "using_minors")
ROLES = ("suspect", "charged", "convicted")
EVIDENCE_PER_BEHAVIOUR = 3
ADULT_YEARS = 18
# Filled in by hand when the notice is served, so that no file carries a name.
RECIPIENT = "[[recipient]]"

MAY_BE_BLANK = {"approved_by", "is_provisional"}  # the approver signs by hand

# Text forbidden in a notice, and the rule. Only the offer of help may mention treatment and housing.
NEVER = {
    r"\b(scores?|scored|rank(s|ed|ing)?|percentiles?|probabilit\w+|top[ -]?\d+|risk level)\b": (
        "must not state scores or ranks"
    ),
    r"\b(drugs?|cannabis|heroin|cocaine)\W+possession|possession of (drugs?|cannabis|heroin|cocaine)": (
        "possession is not a ground for a notice"
    ),
    r"\bp_[0-9a-f]{8,}\b|\b(reporters?|callers?|informants?|witness(es)?|victims?)\b": (
        "must not contain data on third parties"
    ),
}
ONLY_AS_HELP = {
    r"\b(tenan\w+|evict\w*|landlord\w*|housing|your home|benefits|welfare|universal credit)\b": (
        "must not threaten housing or benefits"
    ),
    r"\b(overdos\w+|addict\w*|dependen\w+|diagnos\w+|methadone|mental health|treatments?|medical|patients?)\b": (
        "must not contain medical or treatment data"
    ),
}
FREE_TEXTS = ("sender", "legal_basis", "complaint_route", "help_contact")


@dataclass(frozen=True, slots=True)
class NoticesConfig:
    """Settings of notices: sender, legal basis, offer of help, complaint route, periods in days, reading age in years.

    Each text is one for all languages, or one for each language by its tag.
    """

    languages: Sequence[str]
    sender: str | Mapping[str, str]
    legal_basis: str | Mapping[str, str]
    help_contact: str | Mapping[str, str]
    complaint_route: str | Mapping[str, str]
    decision_days: int
    lead_days: int
    operation_days: int
    response_days: int
    reading_age: float

    def __post_init__(self) -> None:
        if isinstance(self.languages, str) or not self.languages or len(set(self.languages)) != len(self.languages):
            raise ValueError(f"notices.languages={self.languages!r}: expected a list of different language tags")
        for name in FREE_TEXTS:
            for language in self.languages:
                value = self.text(name, language)
                if not isinstance(value, str) or not value.strip():
                    raise ValueError(f"notices.{name}={value!r}: expected a text ({language}); every notice needs one")
                for problem in _text_problems(f"notices.{name}", value, is_help=name == "help_contact"):
                    raise ValueError(problem)
        for name in ("decision_days", "lead_days", "operation_days", "response_days"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"notices.{name}={getattr(self, name)!r}: expected at least one day")
        if not self.reading_age >= 5:
            raise ValueError(f"notices.reading_age={self.reading_age!r}: expected years, 5 or more")

    def text(self, name: str, language: str) -> str | None:
        """Return one of FREE_TEXTS in a language; None if it is not set."""
        value = getattr(self, name)
        return value.get(language) if isinstance(value, Mapping) else value


def draft_area_notices(
    markets: pd.DataFrame,
    market_evidence: pd.DataFrame,
    area_names: pd.Series,
    *,
    as_of: date,
    window_weeks: int,
    config: NoticesConfig,
) -> pd.DataFrame:
    """Draft notices to places: for flagrant markets and for provisional suspected ones, which are marked so.

    Parameters
    ----------
    markets : DataFrame
        Columns of `market`; market_id, area_id, grade and is_provisional are used. The order of rows is kept.
    market_evidence : DataFrame
        market_id, incident_id, kind, age_days (models.places.markets.Markets.evidence).
    area_names : Series
        Names with index area_id.
    as_of : date
        Local date of the run. The notice is to be served within `config.decision_days`, and the operation starts
        `config.lead_days` after the last of them.
    window_weeks : int
        Length of the period of the reports, in weeks.
    config : NoticesConfig
        Texts, languages and periods.

    Returns
    -------
    DataFrame
        One row per market and language, with the fields of kind `area`. `facts` counts reports by behaviour;
        `evidence_ids` are the latest reports of each.

    Raises
    ------
    ValueError
        A draft breaks a rule; the message names the field and the rule.
    """
    is_due = (markets["grade"] == "flagrant") | markets["is_provisional"].astype(bool)
    starts_on = as_of + timedelta(days=config.decision_days + config.lead_days)
    subjects = []
    for market in markets[is_due].to_dict("records"):  # few rows: one notice each
        evidence = market_evidence[market_evidence["market_id"] == market["market_id"]]
        facts, evidence_ids = _area_facts(evidence)
        subjects.append(
            {
                "facts": facts,
                "evidence_ids": evidence_ids,
                "market_id": market["market_id"],
                "area_id": market["area_id"],
                "area_name": area_names.get(market["area_id"], market["area_id"]),
                "lead_days": config.lead_days,
                "starts_on": starts_on,
                "ends_on": starts_on + timedelta(days=config.operation_days - 1),
                "window_weeks": window_weeks,
                "is_provisional": bool(market["is_provisional"]),
            }
        )
    return draft_notices(KINDS["area"], subjects, as_of=as_of, config=config)


def draft_person_notices(
    person_tier: pd.DataFrame,
    person_events: pd.DataFrame,
    persons: pd.DataFrame,
    codebook: pd.DataFrame,
    *,
    as_of: date,
    time_zone: str,
    config: NoticesConfig,
) -> pd.DataFrame:
    """Draft notices to the people on a tier, from the recorded facts behind it.

    Parameters
    ----------
    person_tier : DataFrame
        person_id, tier (target or warn), evidence_ids (lists); one row per person, in order of rank.
    person_events : DataFrame
        person_id, incident_id, role, offence_code, occurred_at (UTC), drug_activity, is_minor_used_by_adult,
        in_flagrant_market. Only incidents in which the person is suspect, charged or convicted are stated, only if
        they are one of BEHAVIOURS, and never possession.
    persons : DataFrame
        person_id, birth_date, birth_year.
    codebook : DataFrame
        label, axis with index offence_code.
    as_of : date
        Local date of the run.
    time_zone : str
        Time zone of the days on which incidents occurred.
    config : NoticesConfig
        Texts, languages and periods.

    Returns
    -------
    DataFrame
        One row per person and language, with the fields of kind `person`; no row for people without a behaviour to
        address.

    Raises
    ------
    ValueError
        Somebody is under 18 or of unknown age, a tier is neither target nor warn, or a draft breaks a rule.
    """
    if not person_tier["tier"].isin(["target", "warn"]).all():
        raise ValueError("person_tier: a tier is neither target nor warn; only those two get notices")
    _require_adults(person_tier["person_id"], persons, as_of)
    facts_by_person = _person_facts(person_tier, person_events, codebook, time_zone)
    subjects = [
        {
            "facts": facts,
            "evidence_ids": list(dict.fromkeys(fact["evidence_id"] for fact in facts)),
            "person_id": person_id,
            "recipient": RECIPIENT,
            "respond_by": as_of + timedelta(days=config.decision_days + config.response_days),
        }
        for person_id in person_tier["person_id"].tolist()  # a list of people is short: one notice each
        if (facts := facts_by_person.get(person_id))
    ]
    return draft_notices(KINDS["person"], subjects, as_of=as_of, config=config)


def draft_notices(
    kind: NoticeKind, subjects: Sequence[Mapping[str, Any]], *, as_of: date, config: NoticesConfig
) -> pd.DataFrame:
    """Return a draft of one kind for each subject and language, with columns `kind.fields`.

    Parameters
    ----------
    kind : NoticeKind
        Kind of the notices.
    subjects : sequence of mapping of str to Any
        `facts`, `evidence_ids` and the kind's own fields for each subject.
    as_of : date
        Local date of the run.
    config : NoticesConfig
        Texts, languages and periods.

    Raises
    ------
    ValueError
        A draft breaks a rule; the message names the field and the rule.
    """
    drafts = [
        {
            "kind": kind.name,
            "status": "draft",
            "language": language,
            **{name: config.text(name, language) for name in FREE_TEXTS},
            "behaviours": [b for b in BEHAVIOURS if b in {fact["behaviour"] for fact in subject["facts"]}],
            "consequence": kind.consequence,
            "written_on": as_of,
            "serve_by": as_of + timedelta(days=config.decision_days),
            "approved_by": "",
            **subject,
        }
        for subject in subjects
        for language in config.languages
    ]
    for draft in drafts:
        draft["notice_id"] = notice_id(draft)
        if problems := check_notice(draft):
            raise ValueError(f"notice {draft['notice_id']}: {'; '.join(problems)}")
    return pd.DataFrame(drafts, columns=list(kind.fields))


def check_notice(fields: Mapping[str, Any]) -> list[str]:
    """Return the problems of a notice's fields, each with the field and the rule; empty if there are none."""
    kind = KINDS.get(fields.get("kind", ""))
    if kind is None:
        return [f"kind: {fields.get('kind')!r}, expected {' or '.join(KINDS)}"]
    problems = [f"{name}: required and missing" for name in kind.fields if _is_missing(fields, name)]
    problems += [f"{name}: not a field of this notice" for name in fields if name not in kind.fields]
    for name, expected in (("status", "draft"), ("approved_by", ""), ("consequence", kind.consequence)):
        if fields.get(name, expected) != expected:
            problems.append(f"{name}: expected {expected!r}; only people approve, and only deliverable consequences")
    if "recipient" in kind.fields and fields.get("recipient") != RECIPIENT:
        problems.append(f"recipient: expected {RECIPIENT!r}; the name is filled in when the notice is served")
    problems += [
        f"behaviours: {b!r} is not one of the behaviours" for b in fields.get("behaviours", ()) if b not in BEHAVIOURS
    ]
    problems += _fact_problems(fields, kind) + _date_problems(fields)
    for name in FREE_TEXTS:
        problems += _text_problems(name, str(fields.get(name, "")), is_help=name == "help_contact")
    return problems


def notice_id(fields: Mapping[str, Any]) -> str:
    """Return the id of a notice: a hash of all its fields, so that the served notice is the approved one."""
    content = {name: value for name, value in fields.items() if name != "notice_id"}
    return "n_" + hashlib.sha256(fields_json(content).encode()).hexdigest()[:24]


def fields_json(fields: Mapping[Any, Any]) -> str:
    """Return a notice's fields as canonical JSON, dates as ISO 8601."""
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=date.isoformat)


def fields_from_json(text: str) -> dict[str, Any]:
    """Return the fields that `fields_json` wrote."""
    fields = json.loads(text)
    for part in [fields, *fields.get("facts", [])]:
        part |= {name: date.fromisoformat(part[name]) for name in (*day_fields(), "occurred_on") if name in part}
    return fields


def _area_facts(evidence: pd.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    facts, evidence_ids = [], []
    for behaviour, kind in (("flagrant_dealing", "dealing"), ("violence", "violence"), ("disorder", "disorder")):
        reports = evidence[evidence["kind"] == kind].sort_values(["age_days", "incident_id"])
        if len(reports):
            facts.append({"behaviour": behaviour, "report_count": len(reports)})
            evidence_ids += reports["incident_id"].head(EVIDENCE_PER_BEHAVIOUR).tolist()
    return facts, evidence_ids


def _person_facts(
    person_tier: pd.DataFrame, person_events: pd.DataFrame, codebook: pd.DataFrame, time_zone: str
) -> dict[str, list[dict[str, Any]]]:
    """Return facts by person, newest first: one per incident behind the tier, with the most severe role in it."""
    behind = person_tier[["person_id", "evidence_ids"]].explode("evidence_ids")
    behind = behind.rename(columns={"evidence_ids": "incident_id"}).dropna().astype({"incident_id": object})
    own = person_events[person_events["role"].isin(ROLES)]
    own = own[~own["drug_activity"].isin(["possession", "paraphernalia"])]
    rows = own.assign(behaviour=_behaviour(own, codebook), label=own["offence_code"].map(codebook["label"]))
    rows = rows.assign(severity=rows["role"].map({role: i for i, role in enumerate(ROLES)}))
    rows = rows.dropna(subset="behaviour").merge(behind, on=["person_id", "incident_id"])
    rows = rows.sort_values(["occurred_at", "incident_id", "severity"], ascending=[False, True, False])
    rows = rows.drop_duplicates(["person_id", "incident_id"])
    days = rows["occurred_at"].dt.tz_convert(ZoneInfo(time_zone)).dt.date
    facts = rows.assign(occurred_on=days, evidence_id=rows["incident_id"])[
        ["person_id", *sorted(KINDS["person"].fact_fields)]
    ]
    return {
        str(person_id): [{str(k): v for k, v in row.items() if k != "person_id"} for row in group.to_dict("records")]
        for person_id, group in facts.groupby("person_id", sort=True)
    }


def _behaviour(events: pd.DataFrame, codebook: pd.DataFrame) -> pd.Series:
    axis = events["offence_code"].map(codebook["axis"])
    is_dealing = events["drug_activity"].eq("supply").fillna(False) & events["in_flagrant_market"].astype(bool)
    behaviour = axis.where(axis.isin(["violence", "disorder"]))
    return (
        behaviour.astype(object)
        .mask(is_dealing, "flagrant_dealing")
        .mask(uses_minors(events.assign(axis=axis)), "using_minors")
    )


def _require_adults(person_ids: pd.Series, persons: pd.DataFrame, as_of: date) -> None:
    """Raise ValueError unless everybody is an adult.

    A year without a date counts as born on its last day; a person without either may be a child.
    """
    register = persons.drop_duplicates("person_id").set_index("person_id").reindex(person_ids)
    year = register["birth_year"].astype(float)
    day = pd.to_datetime(register["birth_date"], errors="coerce")
    day = day.fillna(pd.to_datetime(year.map(lambda y: f"{y:.0f}-12-31", na_action="ignore"), errors="coerce"))
    last_birthday = pd.Timestamp(as_of) - pd.DateOffset(years=ADULT_YEARS)
    if not (day <= last_birthday).all():
        raise ValueError("person_tier: somebody is under 18 or of unknown age; refer to safeguarding, not a notice")


def _is_missing(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    return value is None or (name not in MAY_BE_BLANK and isinstance(value, str | list) and len(value) == 0)


def _fact_problems(fields: Mapping[str, Any], kind: NoticeKind) -> list[str]:
    problems = []
    for fact in fields.get("facts", ()):
        if set(fact) != kind.fact_fields:
            problems.append(f"facts: fields are {sorted(fact)}; expected exactly {sorted(kind.fact_fields)}")
        if fact.get("behaviour") not in fields.get("behaviours", ()):
            problems.append("facts: the behaviour of a fact is not among behaviours")
        if "evidence_id" in kind.fact_fields and fact.get("evidence_id") not in fields.get("evidence_ids", ()):
            problems.append("facts: the record of a fact is not among evidence_ids")
        if "role" in kind.fact_fields and fact.get("role") not in ROLES:
            problems.append(f"facts: a role is not a ground; expected one of {', '.join(ROLES)}")
        problems += _text_problems("facts", str(fact.get("label", "")), is_help=False)
    return problems


def _date_problems(fields: Mapping[str, Any]) -> list[str]:
    names = day_fields()
    days = [fields[name] for name in names if isinstance(fields.get(name), date)]
    problems = [] if days == sorted(days) else [f"dates: expected {', '.join(names)} in this order"]
    if all(fields.get(name) for name in ("serve_by", "starts_on", "lead_days")):
        lead = (fields["starts_on"] - fields["serve_by"]).days
        if lead < fields["lead_days"]:
            problems.append(
                f"lead_days: {lead} days from serve_by to starts_on; expected at least {fields['lead_days']}"
            )
    return problems


def _text_problems(name: str, text: str, *, is_help: bool) -> list[str]:
    patterns = NEVER if is_help else NEVER | ONLY_AS_HELP
    return [f"{name}: {rule}" for pattern, rule in patterns.items() if re.search(pattern, text, re.IGNORECASE)]

"""Drafts of notices to places and people: what the law and fairness require in them, and what may never be there.

Notices carry three messages, a moral voice of the community, the exact legal exposure, a genuine offer of help, as in
custom notifications (Kennedy and Friedrich 2014, Custom Notifications, US Department of Justice COPS Office). Facts
and opinions stay apart and the reader learns his rights (Data Protection Act 2018, sections 38 and 44 to 47). A draft
is a draft: a named person approves it, and no function here sets another status.
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

BEHAVIOURS = ("flagrant_dealing", "violence", "disorder", "using_minors")
# What the force can itself deliver; each template says it in its own language.
CONSEQUENCES = {
    "area": "daily_patrol_and_arrest_for_what_is_seen",
    "person": "case_to_the_prosecutor_if_it_happens_again",
}
ROLES = ("suspect", "charged", "convicted")
EVIDENCE_PER_BEHAVIOUR = 3
ADULT_YEARS = 18
# Filled in by hand when the notice is served, so that no file carries a name.
RECIPIENT = "[[recipient]]"

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
AREA_FIELDS = (
    *COMMON_FIELDS,
    "market_id",
    "area_id",
    "area_name",
    "lead_days",
    "starts_on",
    "ends_on",
    "window_weeks",
    "is_provisional",
)
PERSON_FIELDS = (*COMMON_FIELDS, "person_id", "recipient", "respond_by")
FACT_FIELDS = {
    "area": {"behaviour", "report_count"},
    "person": {"behaviour", "label", "role", "occurred_on", "evidence_id"},
}
DAYS = ("written_on", "serve_by", "starts_on", "ends_on", "respond_by")
MAY_BE_BLANK = {"approved_by", "is_provisional"}  # the approver signs by hand

# Text that may not stand in a notice, and why. The offer of help may name treatment and housing; nothing else may.
NEVER = {
    r"\b(scores?|scored|rank(s|ed|ing)?|percentiles?|probabilit\w+|top[ -]?\d+|risk level)\b": (
        "scores and ranks are never told"
    ),
    r"\b(drugs?|cannabis|heroin|cocaine)\W+possession|possession of (drugs?|cannabis|heroin|cocaine)": (
        "possession is no ground"
    ),
    r"\bp_[0-9a-f]{8,}\b|\b(reporters?|callers?|informants?|witness(es)?|victims?)\b": "no data on third parties",
}
ONLY_AS_HELP = {
    r"\b(tenan\w+|evict\w*|landlord\w*|housing|your home|benefits|welfare|universal credit)\b": (
        "no threat to housing or benefits"
    ),
    r"\b(overdos\w+|addict\w*|dependen\w+|diagnos\w+|methadone|mental health|treatments?|medical|patients?)\b": (
        "no medical or treatment data"
    ),
}
FREE_TEXTS = ("sender", "legal_basis", "complaint_route", "help_contact")


@dataclass(frozen=True, slots=True)
class NoticesConfig:
    """Who speaks, on what basis, with which offer and which dates, in how plain English.

    A text is one for all languages, or one for each by its tag.
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
                    raise ValueError(
                        f"notices.{name}={value!r}: expected words ({language}); no notice goes without them"
                    )
                for problem in _text_problems(f"notices.{name}", value, is_help=name == "help_contact"):
                    raise ValueError(problem)
        for name in ("decision_days", "lead_days", "operation_days", "response_days"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"notices.{name}={getattr(self, name)!r}: expected at least one day")
        if not self.reading_age >= 5:
            raise ValueError(f"notices.reading_age={self.reading_age!r}: expected years, 5 or more")

    def text(self, name: str, language: str) -> str | None:
        """Return one of FREE_TEXTS in a language, None where it has none."""
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
    """Draft what a place is to be told: for flagrant markets, and for suspected ones that are provisional, so marked.

    Parameters
    ----------
    markets : columns of `market`; market_id, area_id, grade and is_provisional are used, in this order of rows.
    market_evidence : market_id, incident_id, kind, age_days (models.places.markets.Markets.evidence).
    area_names : index area_id.
    as_of : local date of the run. People have `config.decision_days` to serve the notice, and the operation starts
        `config.lead_days` after the last of them.
    window_weeks : how far back the reports reach.

    Returns
    -------
    DataFrame with AREA_FIELDS, one row per market and language. `facts` counts reports by behaviour; `evidence_ids`
    are the latest reports of each.

    Raises
    ------
    ValueError : a draft breaks a rule; names the field and the rule.
    """
    is_due = (markets["grade"] == "flagrant") | markets["is_provisional"].astype(bool)
    drafts = []
    for market in markets[is_due].to_dict("records"):  # a handful: one letter each
        evidence = market_evidence[market_evidence["market_id"] == market["market_id"]]
        facts, evidence_ids = _area_facts(evidence)
        starts_on = as_of + timedelta(days=config.decision_days + config.lead_days)
        drafts += [
            {
                **_common("area", language, as_of, facts, evidence_ids, config),
                "market_id": market["market_id"],
                "area_id": market["area_id"],
                "area_name": area_names.get(market["area_id"], market["area_id"]),
                "lead_days": config.lead_days,
                "starts_on": starts_on,
                "ends_on": starts_on + timedelta(days=config.operation_days - 1),
                "window_weeks": window_weeks,
                "is_provisional": bool(market["is_provisional"]),
            }
            for language in config.languages
        ]
    return _checked(drafts, AREA_FIELDS)


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
    """Draft what each person on a tier is to be told, from the recorded facts behind it.

    Parameters
    ----------
    person_tier : person_id, tier (target or warn), evidence_ids (lists); one row per person, in order of rank.
    person_events : person_id, incident_id, role, offence_code, occurred_at (UTC), drug_activity,
        is_minor_used_by_adult, in_flagrant_market. Only what a person is suspected of, charged with or convicted of is
        told, only where it is a behaviour, and never possession.
    persons : person_id, birth_date, birth_year.
    codebook : index offence_code; label, axis.
    as_of : local date of the run. time_zone : in which an incident's day is told.

    Returns
    -------
    DataFrame with PERSON_FIELDS, one row per person and language. People without a behaviour to speak of get none.

    Raises
    ------
    ValueError : somebody is under 18 or of unknown age, a tier is neither target nor warn, or a draft breaks a rule.
    """
    if not person_tier["tier"].isin(["target", "warn"]).all():
        raise ValueError("person_tier: a tier is neither target nor warn; only those two are told")
    _require_adults(person_tier["person_id"], persons, as_of)
    facts_by_person = _person_facts(person_tier, person_events, codebook, time_zone)
    drafts = []
    for person_id in person_tier["person_id"].tolist():  # a list of people is short: one letter each
        facts = facts_by_person.get(person_id, [])
        evidence_ids = list(dict.fromkeys(fact["evidence_id"] for fact in facts))
        drafts += [
            {
                **_common("person", language, as_of, facts, evidence_ids, config),
                "person_id": person_id,
                "recipient": RECIPIENT,
                "respond_by": as_of + timedelta(days=config.decision_days + config.response_days),
            }
            for language in config.languages
            if facts
        ]
    return _checked(drafts, PERSON_FIELDS)


def check_notice(fields: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a notice's fields, one sentence each that names field and rule; empty if nothing is."""
    kind = fields.get("kind")
    if kind not in FACT_FIELDS:
        return [f"kind: {kind!r} is neither area nor person"]
    required = AREA_FIELDS if kind == "area" else PERSON_FIELDS
    problems = [f"{name}: required and missing" for name in required if _is_missing(fields, name)]
    problems += [f"{name}: not a field of this notice" for name in fields if name not in required]
    for name, expected in (("status", "draft"), ("approved_by", ""), ("consequence", CONSEQUENCES[kind])):
        if fields.get(name, expected) != expected:
            problems.append(f"{name}: expected {expected!r}; only people approve, and only what the force can deliver")
    if kind == "person" and fields.get("recipient") != RECIPIENT:
        problems.append("recipient: a name is filled in only when the notice is served")
    problems += [
        f"behaviours: {b!r} is no conduct to address" for b in fields.get("behaviours", ()) if b not in BEHAVIOURS
    ]
    problems += _fact_problems(fields, kind) + _date_problems(fields)
    for name in FREE_TEXTS:
        problems += _text_problems(name, str(fields.get(name, "")), is_help=name == "help_contact")
    return problems


def notice_id(fields: Mapping[str, Any]) -> str:
    """Id of a notice: a hash of all that it says, so that what was approved is what is served."""
    said = {name: value for name, value in fields.items() if name != "notice_id"}
    return "n_" + hashlib.sha256(fields_json(said).encode()).hexdigest()[:24]


def fields_json(fields: Mapping[Any, Any]) -> str:
    """Return a notice's fields as canonical JSON, dates as ISO 8601."""
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=date.isoformat)


def fields_from_json(text: str) -> dict[str, Any]:
    """Return the fields that `fields_json` wrote."""
    fields = json.loads(text)
    for told in [fields, *fields.get("facts", [])]:
        told |= {name: date.fromisoformat(told[name]) for name in (*DAYS, "occurred_on") if name in told}
    return fields


def _common(
    kind: str,
    language: str,
    as_of: date,
    facts: list[dict[str, Any]],
    evidence_ids: list[str],
    config: NoticesConfig,
) -> dict[str, Any]:
    told = {fact["behaviour"] for fact in facts}
    return {
        "kind": kind,
        "status": "draft",
        "language": language,
        **{name: config.text(name, language) for name in FREE_TEXTS},
        "behaviours": [behaviour for behaviour in BEHAVIOURS if behaviour in told],
        "facts": facts,
        "evidence_ids": evidence_ids,
        "consequence": CONSEQUENCES[kind],
        "written_on": as_of,
        "serve_by": as_of + timedelta(days=config.decision_days),
        "approved_by": "",
    }


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
    """Facts by person, newest first: an incident behind the tier, with the gravest role in it."""
    behind = person_tier[["person_id", "evidence_ids"]].explode("evidence_ids")
    behind = behind.rename(columns={"evidence_ids": "incident_id"}).dropna().astype({"incident_id": object})
    own = person_events[person_events["role"].isin(ROLES)]
    own = own[~own["drug_activity"].isin(["possession", "paraphernalia"])]
    told = own.assign(behaviour=_behaviour(own, codebook), label=own["offence_code"].map(codebook["label"]))
    told = told.assign(gravity=told["role"].map({role: i for i, role in enumerate(ROLES)}))
    told = told.dropna(subset="behaviour").merge(behind, on=["person_id", "incident_id"])
    told = told.sort_values(["occurred_at", "incident_id", "gravity"], ascending=[False, True, False])
    told = told.drop_duplicates(["person_id", "incident_id"])
    days = told["occurred_at"].dt.tz_convert(ZoneInfo(time_zone)).dt.date
    facts = told.assign(occurred_on=days, evidence_id=told["incident_id"])[
        ["person_id", *sorted(FACT_FIELDS["person"])]
    ]
    return {
        str(person_id): [{str(k): v for k, v in row.items() if k != "person_id"} for row in rows.to_dict("records")]
        for person_id, rows in facts.groupby("person_id", sort=True)
    }


def _behaviour(events: pd.DataFrame, codebook: pd.DataFrame) -> pd.Series:
    axis = events["offence_code"].map(codebook["axis"])
    uses_minor = (axis == "minors") | events["is_minor_used_by_adult"].astype(bool)
    is_dealing = events["drug_activity"].eq("supply").fillna(False) & events["in_flagrant_market"].astype(bool)
    behaviour = axis.where(axis.isin(["violence", "disorder"]))
    return behaviour.astype(object).mask(is_dealing, "flagrant_dealing").mask(uses_minor, "using_minors")


def _require_adults(person_ids: pd.Series, persons: pd.DataFrame, as_of: date) -> None:
    """A year alone counts as born on its last day; without either, somebody may be a child."""
    known = persons.drop_duplicates("person_id").set_index("person_id").reindex(person_ids)
    year = known["birth_year"].astype(float)
    day = pd.to_datetime(known["birth_date"], errors="coerce")
    day = day.fillna(pd.to_datetime(year.map(lambda y: f"{y:.0f}-12-31", na_action="ignore"), errors="coerce"))
    last_birthday = pd.Timestamp(as_of) - pd.DateOffset(years=ADULT_YEARS)
    if not (day <= last_birthday).all():
        raise ValueError("person_tier: somebody is under 18 or of unknown age; that is for safeguarding, not a notice")


def _checked(drafts: list[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    named = [{**draft, "notice_id": notice_id(draft)} for draft in drafts]
    for draft in named:
        if problems := check_notice(draft):
            raise ValueError(f"notice {draft['notice_id']}: {'; '.join(problems)}")
    return pd.DataFrame(named, columns=list(columns))


def _is_missing(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    return value is None or (name not in MAY_BE_BLANK and isinstance(value, str | list) and len(value) == 0)


def _fact_problems(fields: Mapping[str, Any], kind: str) -> list[str]:
    problems = []
    for fact in fields.get("facts", ()):
        if set(fact) != FACT_FIELDS[kind]:
            problems.append(f"facts: {sorted(fact)} are told; expected exactly {sorted(FACT_FIELDS[kind])}")
        if fact.get("behaviour") not in fields.get("behaviours", ()):
            problems.append("facts: a fact stands under no behaviour that is addressed")
        if kind == "person" and fact.get("evidence_id") not in fields.get("evidence_ids", ()):
            problems.append("facts: a fact without its record among evidence_ids")
        if kind == "person" and fact.get("role") not in ROLES:
            problems.append("facts: a role that is no ground; only suspect, charged, convicted")
        problems += _text_problems("facts", str(fact.get("label", "")), is_help=False)
    return problems


def _date_problems(fields: Mapping[str, Any]) -> list[str]:
    days = [fields[name] for name in DAYS if isinstance(fields.get(name), date)]
    problems = (
        [] if days == sorted(days) else ["dates: expected written, serve by, start, end and answer in this order"]
    )
    if all(fields.get(name) for name in ("serve_by", "starts_on", "lead_days")):
        lead = (fields["starts_on"] - fields["serve_by"]).days
        if lead < fields["lead_days"]:
            problems.append(f"lead_days: {lead} between serve_by and starts_on; {fields['lead_days']} were promised")
    return problems


def _text_problems(name: str, text: str, *, is_help: bool) -> list[str]:
    patterns = NEVER if is_help else NEVER | ONLY_AS_HELP
    return [f"{name}: {rule}" for pattern, rule in patterns.items() if re.search(pattern, text, re.IGNORECASE)]

"""Guards of people that stand outside the rule book: each is taken away, and the test named here must notice."""

from dataclasses import dataclass
from pathlib import PurePath

PACKAGES = ("flows", "geo", "pipeline")  # whose modules and tests are named with the package; others are of models


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, the text that takes it away, and who notices; `module` may be a file of SQL."""

    module: str
    guard: str
    old: str
    new: str
    test: str

    @property
    def path(self) -> str:
        """The file of the guard, from the root of the project."""
        path = in_package(self.module)
        return path if PurePath(path).suffix else f"{path}.py"


def in_package(name: str) -> str:
    """Return the name of a module or of a test with its package before it.

    >>> in_package("people_lists/rules"), in_package("pipeline/privacy/raw_ids")
    ('models/people_lists/rules', 'pipeline/privacy/raw_ids')
    """
    return name if name.startswith(tuple(f"{package}/" for package in PACKAGES)) else f"models/{name}"


GUARDS = (
    Guard(
        "people_lists/lists",
        "nobody is sent over what is no offence",
        'is_offence=~offence["category"].isin(NO_OFFENCE).to_numpy()',
        "is_offence=True",
        "people_lists/test_assess.py::test_a_warrant_over_no_offence_sends_nobody_and_holds_nothing_against_anybody",
    ),
    Guard(
        "people_scores/evidence",
        "dropped arrests weigh nothing",
        '"no_further_action": 0.0',
        '"no_further_action": 0.1',
        "people_lists/test_assess.py::test_contact_is_zero",
    ),
    Guard(
        "people_scores/evidence",
        "victims bear nothing",
        '"victim": 0.0',
        '"victim": 0.1',
        "people_lists/test_assess.py::test_a_victim_who_also_offends_is_ranked_on_the_offending_alone",
    ),
    Guard(
        "people_scores/evidence",
        "witnesses bear nothing",
        '"witness": 0.0',
        '"witness": 0.1',
        "people_lists/test_assess.py::test_role_split_victims_and_witnesses_alone_are_unscorable",
    ),
    Guard(
        "people_scores/evidence",
        "what the police find raises nothing",
        '"partner", "sensor")',
        '"partner", "sensor", "police")',
        "people_lists/test_assess.py::test_what_the_police_found_themselves_raises_no_score",
    ),
    Guard(
        "people_scores/evidence",
        "contacts are no offence",
        'NO_OFFENCE = ("health", "contact")',
        'NO_OFFENCE = ("health",)',
        "people_lists/test_assess.py::test_contact_is_zero",
    ),
    Guard(
        "people_scores/evidence",
        "overdoses are no offence",
        'NO_OFFENCE = ("health", "contact")',
        'NO_OFFENCE = ("contact",)',
        "people_lists/test_assess.py::test_overdoses_are_zero",
    ),
    Guard(
        "people_scores/evidence",
        "only adults use minors",
        '["is_minor_used_by_adult"] & is_of_age',
        '["is_minor_used_by_adult"]',
        "people_lists/test_assess.py::test_a_courier_of_seventeen_was_used_and_did_not_use",
    ),
    Guard(
        "people_scores/person_status",
        "of age at eighteen",
        "OF_AGE = 18",
        "OF_AGE = 17",
        "people_lists/test_assess.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "people_scores/person_status",
        "a year counts as its last day",
        "10_000 + 1231",
        "10_000 + 101",
        "people_lists/test_assess.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "people_lists/rule_features",
        "who is not registered may be a child",
        '["is_age_unknown"], True)',
        '["is_age_unknown"], False)',
        "people_lists/test_assess.py::test_children_and_people_of_unknown_age_go_to_safeguarding",
    ),
    Guard(
        "people_lists/rule_features",
        "a spree counts once",
        "SPREE = pd.Timedelta(hours=24)",
        "SPREE = pd.Timedelta(hours=0)",
        "people_lists/test_assess.py::test_targets_have_two_grave_incidents_a_day_apart",
    ),
    Guard(
        "people_lists/rule_features",
        "sales in flagrant markets concern the place",
        '~offences_held["in_flagrant_market"].astype(bool)',
        "True",
        "people_lists/test_assess.py::test_dealers_sell_outside_flagrant_markets_and_stand_by_score",
    ),
    Guard(
        "people_lists/rule_features",
        "the police's own suspicion is no ground",
        '| offences_held["factor"].gt(0)',
        '| offences_held["factor"].ge(0)',
        "people_lists/test_call_in.py::test_what_is_no_link",
    ),
    Guard(
        "people_lists/lists",
        "users are not arrested",
        '(gate == "treatment_information") & live',
        '(gate != "") | live',
        "people_lists/test_assess.py::test_warrants_stand_bench_first_then_by_band_then_by_age",
    ),
    Guard(
        "people_scores/exposure",
        "who is inside is not at liberty",
        '["custody_from"].lt(as_of)',
        '["custody_from"].gt(as_of)',
        "people_lists/test_assess.py::test_who_is_in_custody_is_neither_targeted_nor_warned_and_the_change_says_so",
    ),
    Guard(
        "people_lists/listing_terms",
        "listings end",
        '["expires_at"].le(as_of)',
        '["expires_at"].isna()',
        "people_lists/test_assess.py::test_a_listing_ends_with_its_term_and_begins_again_with_a_new_incident_alone",
    ),
    Guard(
        "people_lists/listing_terms",
        "an earlier incident renews nothing",
        'now.ge(terms["counted_until"] + SPREE)',
        "now.notna()",
        "people_lists/test_listing_terms.py::test_leaving_and_entering_again_does_not_lengthen_a_term",
    ),
    Guard(
        "people_scores/offending",
        "names of incidents decide no bit",
        "rows.iloc[order], person[order]",
        "rows, person",
        "people_lists/test_assess.py::test_links_between_people_raise_no_score_and_move_no_list",
    ),
    Guard(
        "people_scores/scoring",
        "nobody is scored without harm",
        '(people["has_harm"] & people["has_exposure"])',
        '(people["has_exposure"])',
        "people_lists/test_assess.py::test_nobody_is_listed_without_harm",
    ),
    Guard(
        "people_scores/scoring",
        "too short a time is not scored",
        '(people["has_harm"] & people["has_exposure"])',
        '(people["has_harm"])',
        "people_lists/test_assess.py::test_too_little_time_at_liberty_is_not_scored",
    ),
    Guard(
        "people_lists/call_in",
        "use of drugs links nobody",
        '~offences_held["is_use"] &',
        "",
        "people_lists/test_call_in.py::test_what_is_no_link",
    ),
    Guard(
        "people_lists/call_in",
        "only eligible adults are reached",
        'offences_held["person_id"].isin(reachable)',
        "True",
        "people_lists/test_call_in.py::test_only_the_next_level_is_invited_and_only_eligible_adults_are_counted",
    ),
    Guard(
        "governance/list_lifecycle",
        "no list is approved without a registered effect",
        "missing_effect(status.effects, _name(event), event.at) is not None",
        "False",
        "governance/test_list_lifecycle.py::test_effect_registered_holds_in_every_history",
    ),
    Guard(
        "governance/list_lifecycle",
        "a list ends with its registration",
        "min(valid_to, self.stops_at) if self.stops_at else valid_to",
        "valid_to",
        "governance/test_list_lifecycle.py::test_effect_registered_holds_in_every_history",
    ),
    Guard(
        "governance/list_lifecycle",
        "an evaluation ends the lists approved before it",
        "min(status.stops_at, effects[-1].ends_at) if status.stops_at else None",
        "status.stops_at",
        "governance/test_list_lifecycle.py::test_an_early_evaluation_ends_the_lists_approved_under_it",
    ),
    Guard(
        "governance/list_effects",
        "a registration counts until its end",
        "latest is not None and latest.is_live(at)",
        "latest is not None",
        "governance/test_list_effects.py::test_a_missing_evaluation_blocks_renewal_and_an_evaluation_opens_it",
    ),
    Guard(
        "governance/list_effects",
        "a missing evaluation blocks renewal",
        "effect.evaluated is None for effect in effects[-1:]",
        "False for effect in effects[-1:]",
        "governance/test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "governance/list_effects",
        "a registration has a stop date within a year",
        "stops_at is None or not event.at < stops_at <= event.at + LONGEST_REGISTRATION",
        "False",
        "governance/test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "governance/list_effects",
        "people register and evaluate, not harmspot",
        "    by_people(),\n",
        "",
        "governance/test_list_effects.py::test_no_history_renews_without_an_evaluation",
    ),
    Guard(
        "governance/notice_lifecycle",
        "off the list, no letter waits",
        "not is_pending or notice.subject not in off",
        "True",
        "governance/test_notice_lifecycle.py::TestDesk",
    ),
    Guard(
        "governance/notice_lifecycle",
        "what is in somebody's hands is not withdrawn in silence",
        "is_pending = notice.is_open and notice.status.served_on is None",
        "is_pending = notice.is_open",
        "governance/test_notice_lifecycle.py::TestDesk",
    ),
    Guard(
        "governance/list_lifecycle",
        "a copy does not outlive the person's own tier",
        "own.where(own < until, until)",
        "until",
        "governance/test_list_lifecycle.py::test_an_entry_lasts_no_longer_than_its_list_and_the_persons_own_tier",
    ),
    Guard(
        "governance/audits",
        "a stale report halts",
        "now >= self.fresh_until",
        "False",
        "governance/test_audits.py::test_audit_or_halt_holds_in_every_history",
    ),
    Guard(
        "governance/audits",
        "age counts from the day of the report",
        'event.detail["made_at"], event.at), default',
        "event.at, event.at), default",
        "governance/test_audits.py::test_an_older_report_signed_later_takes_nothing_back",
    ),
    Guard(
        "governance/audits",
        "a signature makes no report younger",
        'latest.detail["made_at"] if latest',
        "latest.at if latest",
        "governance/test_audits.py::test_audit_or_halt_holds_in_every_history",
    ),
    Guard(
        "governance/audits",
        "the same report counts once",
        'signed.detail["report_sha256"] == event.detail.get("report_sha256")',
        "False",
        "governance/test_audits.py::test_nothing_but_a_younger_report_ends_a_halt",
    ),
    Guard(
        "governance/audits",
        "people sign, not harmspot",
        "is_machine(event.actor)",
        "False",
        "governance/test_audits.py::test_audit_or_halt_holds_in_every_history",
    ),
    Guard(
        "governance/audits",
        "no report is made in days to come",
        "made_at is None or made_at > event.at",
        "made_at is None",
        "governance/test_audits.py::test_what_may_not_be_signed",
    ),
    Guard(
        "governance/audits",
        "a month at most",
        "1 <= self.fresh_days <= LONGEST_FRESH_DAYS",
        "1 <= self.fresh_days",
        "governance/test_audits.py::test_a_force_may_ask_for_less_than_a_month_and_never_for_more",
    ),
    Guard(
        "governance/audits",
        "a home has one first run",
        "min(audits.began_at or event.at, event.at)",
        "max(audits.began_at or event.at, event.at)",
        "governance/test_audits.py::test_the_first_run_starts_the_clock",
    ),
    Guard(
        "governance/audits",
        "warrants and help are never halted",
        "halt is not None and list_name in CHOSEN_LISTS",
        "halt is not None",
        "governance/test_audits.py::test_warrants_help_and_children_are_never_halted",
    ),
    Guard(
        "governance/list_lifecycle",
        "a halted list is not active",
        '"halted" if is_halted else "active"',
        '"active"',
        "governance/test_audits.py::test_a_halt_only_takes_away_and_keeps_no_list_alive",
    ),
    Guard(
        "governance/list_lifecycle",
        "nobody is called in for a tier that is in doubt",
        '"person_tier": ("person_tier", "call_in")',
        '"person_tier": ("person_tier",)',
        "governance/test_list_lifecycle.py::test_an_exception_holds_in_later_runs_until_it_expires",
    ),
    Guard(
        "governance/list_lifecycle",
        "a copy that says something graver is outdated",
        "is_gone | is_milder",
        "is_gone",
        "governance/test_list_lifecycle.py::test_a_copy_is_outdated_where_a_row_is_gone_or_milder",
    ),
    Guard(
        "governance/list_lifecycle",
        "a warrant that is over outdates a copy, be the person on the queue for another",
        '("person_id", "warrant_id") if name in before',
        '("person_id",) if name in before',
        "governance/test_list_lifecycle.py::test_a_copy_is_outdated_where_a_row_is_gone_or_milder",
    ),
    # What comes from outside, and what is published.
    Guard(
        "flows/sql/report_macros.sql",
        "contacts and stops say nothing of a place",
        "may_count(category) AS coalesce(category, '') <> 'contact'",
        "may_count(category) AS true",
        "flows/run/test_what_may_not_count.py::test_they_move_nothing_to_the_bit",
    ),
    Guard(
        "pipeline/privacy/signed_export",
        "a name stands once in a copy",
        "if len(members) < len(pairs):",
        "if False:",
        "pipeline/privacy/test_signed_export.py::test_a_name_that_stands_twice_is_refused",
    ),
    Guard(
        "pipeline/privacy/signed_export",
        "a copy holds what is signed and nothing else",
        "return _file_content(body) == content",
        "return True",
        "pipeline/privacy/test_signed_export.py::test_what_is_not_signed_is_refused",
    ),
    Guard(
        "pipeline/privacy/raw_ids",
        "raw ids stop a publication",
        "if near and any(",
        "if False and any(",
        "pipeline/privacy/test_raw_ids.py",
    ),
    Guard(
        "pipeline/privacy/raw_ids",
        "an id is found in any case and spelling",
        'unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())',
        "text",
        "pipeline/privacy/test_raw_ids.py",
    ),
    Guard(
        "pipeline/privacy/raw_ids",
        "lists are searched, too",
        "yield from (text for part in value for text in _texts_of(part))",
        "return",
        "pipeline/privacy/test_raw_ids.py",
    ),
    Guard(
        "flows/schedule/daily",
        "a run is searched before anything of it is written",
        "step(search_for_people, home, products)",
        "pass",
        "flows/ingest/test_source_ids.py::"
        "test_a_run_with_the_id_of_a_person_in_ids_of_incidents_publishes_nothing_and_drafts_nothing",
    ),
    Guard(
        "pipeline/loading/file_loading",
        "what was loaded before has keyed ids, too",
        "self.key_ids(mapping.source)",
        "pass",
        "flows/ingest/test_source_ids.py::test_roles_and_corrections_find_the_incident_under_its_short_id",
    ),
    Guard(
        "pipeline/events/decoder",
        "ids of events are keyed where the settings say so",
        "columns[name] = list(map(self._keep_id, columns[name]))",
        "pass",
        "flows/ingest/test_source_ids.py::test_an_event_that_comes_again_after_its_id_was_keyed_is_a_duplicate",
    ),
    Guard(
        "flows/command/printing",
        "no markup on a terminal",
        "Console(markup=False, ",
        "Console(",
        "tests/test_printers.py::test_on_a_terminal_nothing_steers_and_every_letter_is_there",
    ),
    Guard(
        "flows/command/printing",
        "JSON steers no terminal",
        "click.echo(inert_in_json(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)))",
        "click.echo(json.dumps(content, indent=2, ensure_ascii=False))",
        "tests/test_printers.py::test_json_on_a_terminal_says_the_same_in_characters_that_are_printed",
    ),
    Guard(
        "pipeline/pages/base",
        "texts are escaped on pages",
        "autoescape=True",
        "autoescape=False",
        "tests/test_printers.py::test_the_report_has_the_same_elements_and_scripts_whatever_its_texts",
    ),
    Guard(
        "pipeline/pages/base",
        "no text turns the direction of a page",
        "finalize=inert_value,",
        "",
        "tests/test_printers.py::test_the_report_has_the_same_elements_and_scripts_whatever_its_texts",
    ),
    Guard(
        "pipeline/pages/notice",
        "texts are escaped in letters",
        "autoescape=True",
        "autoescape=False",
        "tests/test_printers.py::test_a_notice_has_the_same_elements_and_a_pdf_with_the_text_or_none",
    ),
    Guard(
        "pipeline/briefing/embedded",
        "tables inside a page are JSON that a browser reads",
        "if math.isfinite(value) else None",
        "if not math.isnan(value) else None",
        "tests/test_printers.py::test_tables_inside_the_page_are_json_that_a_browser_reads",
    ),
    Guard(
        "pipeline/briefing/lato_page",
        "no text counts the pages of a document",
        'self.str_alias_nb_pages = ""',
        "pass",
        "tests/test_printers.py::test_the_number_of_pages_is_written_for_no_text",
    ),
    Guard(
        "pipeline/publication/downloads",
        "no cell is a formula",
        "(first in tuple(FORMULA) and not NUMBER.fullmatch(text))",
        "text[:1] in tuple(FORMULA)",
        "tests/test_printers.py::test_a_csv_gives_the_texts_back_and_no_cell_is_a_formula",
    ),
    Guard(
        "pipeline/terminal_text",
        "Markdown holds no link and no tag",
        "_ACTIVE_IN_MARKDOWN.sub(",
        're.compile("$^").sub(',
        "tests/test_printers.py::test_a_summary_for_prefect_is_headings_a_table_and_plain_text",
    ),
    Guard(
        "geo/layers/styles",
        "a map tip is a page in which names are escaped",
        """expression = f"replace({expression}, '{sign}', '{entity}')\"""",
        "pass",
        "tests/test_printers.py::test_a_map_tip_is_a_page_in_which_a_name_is_escaped",
    ),
    # Bounds, ids and death.
    Guard(
        "governance/setting_bounds",
        "a setting that protects people is bounded",
        "or not bound.holds(value)",
        "",
        "governance/test_setting_bounds.py::test_a_value_beyond_its_bound_is_refused_with_the_reason",
    ),
    Guard(
        "pipeline/events/flatten",
        "an id of a person can be seen",
        "if refusal := _refusal_of(raw_person_id):",
        "if refusal := None:",
        "pipeline/events/test_decoder.py::test_what_cannot_be_used_says_why",
    ),
    Guard(
        "pipeline/privacy/pseudonyms",
        "an accent makes no second person",
        'unicodedata.normalize("NFC", raw_person_id)',
        "raw_person_id",
        "pipeline/events/test_decoder.py::test_an_accent_may_be_encoded_in_either_way",
    ),
    Guard(
        "pipeline/sql/snapshot/person_snapshot.sql",
        "a later version revives nobody",
        "min(deceased_at) OVER same_person AS deceased_at",
        "min(deceased_at) FILTER (is_latest) OVER same_person AS deceased_at",
        "pipeline/store/test_snapshot.py",
    ),
    Guard(
        "pipeline/sql/snapshot/without_erased.sql",
        "who was erased is in no run",
        "DELETE FROM person_snapshot WHERE person_id IN (SELECT person_id FROM erased);",
        "",
        "flows/decisions/test_lists.py::test_erasure_leaves_a_tombstone_and_nobody",
    ),
    Guard(
        "pipeline/privacy/access_log",
        "nobody reads without name and purpose",
        "require_purpose(reader, purpose)\n        refuse_pseudonyms",
        "refuse_pseudonyms",
        "pipeline/privacy/test_access_log.py::test_nobody_reads_without_name_and_purpose",
    ),
    Guard(
        "pipeline/privacy/access_log",
        "a changed entry is found",
        'if stated != _hash(entry) or line != _line({**entry, "hash": stated}):',
        "if False:",
        "pipeline/privacy/test_access_log.py::test_a_changed_byte_is_found_at_its_line",
    ),
    Guard(
        "pipeline/privacy/pii_guard",
        "no pseudonym is published of places",
        "if _PERSONAL_COLUMN.search(name) or _has_pseudonym(rows[name]):",
        "if _PERSONAL_COLUMN.search(name):",
        "pipeline/publication/test_publish.py",
    ),
    Guard(
        "pipeline/privacy/pii_scan",
        "no act names somebody in its words",
        "_refuse(name for name, text in given.items() if _named_in(connection, [text]))",
        "pass",
        "pipeline/privacy/test_pii_scan.py::test_who_is_named_is_refused_and_not_repeated",
    ),
)

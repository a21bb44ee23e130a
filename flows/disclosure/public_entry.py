"""The public register entry of the system in a force: purpose, data, decisions, tests, complaints.

Its sections are those of the UK's Algorithmic Transparency Recording Standard, tier 1 and 2. What only the force can
say is left to it, in brackets.
"""

from collections.abc import Sequence

from flows.disclosure.register import Safeguard, read_register
from flows.home.home import Home
from flows.home.run_identity import code_version
from flows.human_log.audit_events import audit_report
from flows.human_log.ledger import read_ledger
from pipeline.publication.publish import latest_usable, runs, table_counts
from pipeline.terminal_text import inert_in_markdown

LISTS = ("warrant_queue", "person_tier", "dealer_ranking", "call_in", "referral", "safeguarding")
FORCE = "[the force says]"

DESCRIPTION = (
    "harmspot ranks areas and places by reported harm, each with an interval, and drafts lists of people: warrants "
    "that a court issued, people with a high rate of grave harm, sellers outside street markets, and people to be "
    "offered treatment or protection. People read the evidence and decide; nothing acts by itself. It does not predict "
    "who will offend, and its lists are no ground for a stop, an arrest or an eviction."
)
DATA = (
    ("incidents and reports", "offence, time, place, who found it, roles of people as pseudonyms"),
    ("people", "birth date or year, death, consent to and engagement in treatment"),
    ("warrants and custody", "kind, state, offence, dates"),
    ("staffing and actions", "hours by area, visits, notices and offers of help"),
    ("never", "race, religion, social media, associates, home addresses; stops as evidence"),
)
RISKS = (
    "Reports are not crimes: areas and people who report less are seen less. Police discoveries raise nothing.",
    "The edges of any list are mostly chance: intervals and probabilities stand beside every rank.",
    "Groups of people are not held; the force gives them to the fairness audit alone. Without its report lists halt.",
    "Whoever holds the key and the machine can read everything: see the threat model.",
)


def public_entry(home: Home) -> str:
    """Return the register entry of a home as Markdown; counts of people are totals of lists, and nobody is named."""
    notices, language = home.settings.notices, home.settings.notices.languages[0]
    texts = ("sender", "legal_basis", "complaint_route")
    told = {name: inert_in_markdown(notices.text(name, language) or FORCE) for name in texts}
    return "\n".join(
        [
            f"# harmspot at {inert_in_markdown(home.settings.force.name)}: public register entry\n",
            f"As of {home.local_text(home.now())}; harmspot {code_version()}.\n",
            "## Tier 1: overview\n",
            f"{DESCRIPTION}\n",
            f"Questions and complaints: {told['complaint_route']}. Contact and page of the force: {FORCE}.\n",
            "## 1. Owner and responsibility\n",
            f"Responsible: {told['sender']}. Team and senior responsible owner: {FORCE}. Supplier: none is needed; the "
            "code is open, and nothing leaves the force's machines but what a person exports.\n",
            "## 2. Purpose and rationale\n",
            f"To lower harm with few arrests: the worst places first, announced, with help before force. Legal basis: "
            f"{told['legal_basis']}. Alternatives considered and assessment of impact: {FORCE}.\n",
            "## 3. Decisions\n",
            "Two people decide on every list and every notice: both open it and read its evidence, and one of them "
            "approves it with a reason; of a notice, the one who did not review it. Lists expire. Their effect is "
            "registered before and evaluated after. Whoever is concerned may represent, contest, and ask what is held "
            "about them.\n",
            *_use(home),
            "## 4. Method and data\n",
            "Rates by empirical Bayes with intervals, rules in one rule book, no learning from groups. The method is "
            "published with its code, tests and benchmarks.\n",
            "| data | what |\n| --- | --- |",
            *(f"| {name} | {what} |" for name, what in DATA),
            "\n## 5. Risks, safeguards and tests\n",
            *(f"- {risk}" for risk in RISKS),
            "",
            *_safeguards(read_register()),
            *_audits(home),
        ]
    )


def _use(home: Home) -> list[str]:
    """Return how often the system runs and how many entries its lists have, of the latest usable run."""
    run_id = latest_usable(home.path)
    if run_id is None:
        return ["No run is published yet.\n"]
    _, people = table_counts(home.path, home.key, run_id)
    counts = ", ".join(f"{name.replace('_', ' ')} {people.get(name, 0):,}" for name in LISTS)
    return [f"{len(runs(home.path)):,} runs are kept. Entries of the latest run's lists, in drafts: {counts}.\n"]


def _safeguards(register: Sequence[Safeguard]) -> list[str]:
    tests = {test for safeguard in register for test in safeguard.proven}
    mutants = {mutant for safeguard in register for mutant in safeguard.kills}
    return [
        f"{len(register)} promises about people are enforced by code and proven by {len(tests)} tests, which "
        f"notice when one of {len(mutants)} safeguards is taken away:\n",
        *(f"- {safeguard.promise}" for safeguard in register),
        "",
    ]


def _audits(home: Home) -> list[str]:
    rows = audit_report(home, read_ledger(home)).to_dict("records")
    return ["Reports that a person signs each month:\n", *(f"- {row['report']}: {row['state']}" for row in rows), ""]

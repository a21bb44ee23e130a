"""Kinds of action at a place that people record by themselves; imports nothing, for the help of the command."""

RECORDED = (
    "partners_told", "outreach", "announcement", "crackdown_start", "crackdown_end", "visit", "sanction",
    "representation", "contest", "arrest", "seizure",
)  # fmt: skip

"""Pages for people: HTML report, plans, audits, evaluations, notices as HTML and PDF, and their SVG drawings.

May import privacy, publication, wording, briefing and the shared modules of pipeline.
"""

"""Who is let in, and what all pages share: visitors and their sessions, the defence of every request, the board itself.

May import what `web` may, and nothing else of `web`.
"""

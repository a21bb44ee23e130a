"""Who may do what, and which names look like one another. Imports nothing of harmspot."""

"""Users of a home: their accounts, and the session in which one acts. May import flows.home."""

-- Whether the store was made for rehearsals, with invented people: one row if it was, none if not.
CREATE TABLE store.rehearsal (
    is_rehearsal BOOLEAN NOT NULL
)

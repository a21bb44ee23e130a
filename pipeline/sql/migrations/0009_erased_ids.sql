-- Keyed hashes of the raw ids of erased people: what still names one is found, though the id is gone.
CREATE TABLE store.erased_id (
    keyed_hash VARCHAR NOT NULL PRIMARY KEY, -- short id of the id's letters and digits, folded in case
    run_count INTEGER NOT NULL,              -- of runs of letters and digits
    size INTEGER NOT NULL,                   -- characters of these, with a space between
    longest INTEGER NOT NULL                 -- characters of the id as it was given
)

-- What the continuous consumer last announced of each place since a run, so that a restart or another consumer goes on
-- from there and announces nothing twice.
CREATE TABLE store.live_standing (
    run_id VARCHAR NOT NULL,
    place_kind VARCHAR NOT NULL,     -- area, market, evidence
    place_id VARCHAR NOT NULL,       -- the area or market, or the incident that was evidence
    standing VARCHAR NOT NULL,       -- listed, unlisted; flagrant, other; gone
    PRIMARY KEY (run_id, place_kind, place_id)
);

INSERT OR REPLACE INTO store.live_standing
SELECT $run_id, place_kind, place_id, standing
FROM announced_state

SELECT place_kind, place_id, standing
FROM store.live_standing
WHERE run_id = $run_id
ORDER BY place_kind, place_id

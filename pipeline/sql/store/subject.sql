-- Everything that the store holds about one person, $person_ids, in every version; of others nothing.

-- name: identity
SELECT raw_person_id
FROM store.identity
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY raw_person_id

-- name: registered
SELECT birth_date, birth_year, deceased_at, is_treatment_consented, is_treatment_engaged, version, event_source, ingested_at
FROM store.person_version
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY version, ingested_at, content_hash

-- name: same_people
-- Pairs of the person's ids that were joined or parted.
SELECT person_id, same_person_id, status, version, event_source, ingested_at
FROM store.same_person_version
WHERE list_has_all($person_ids::VARCHAR[], [person_id, same_person_id])
ORDER BY person_id, same_person_id, version, ingested_at, content_hash

-- name: custody
SELECT kind, custody_from, custody_to, version, event_source, ingested_at
FROM store.custody_version
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY custody_from, version, ingested_at, content_hash

-- name: warrants
SELECT warrant_id, kind, status, issued_at, underlying_offence_code, version, event_source, ingested_at
FROM store.warrant_version
WHERE person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY warrant_id, version, ingested_at, content_hash

-- name: incidents
-- Incidents in which the person has a role, with that role alone.
SELECT incident_id, own.role AS role, status, occurred_at, offence_code, area_id, version, event_source, ingested_at
FROM (
    SELECT *, unnest(list_filter(involvements, lambda part: list_contains($person_ids::VARCHAR[], part.person_id))) AS own
    FROM store.incident_version
    WHERE len(list_filter(involvements, lambda part: list_contains($person_ids::VARCHAR[], part.person_id))) > 0
)
ORDER BY occurred_at, incident_id, version, ingested_at, role, content_hash

-- name: actions
SELECT action_id, kind, actor, "at", area_id, hours, detail, offence_code, party, "count", days, version, event_source, ingested_at
FROM store.action_version
WHERE subject_person_id IN (SELECT unnest($person_ids::VARCHAR[]))
ORDER BY "at", action_id, version, ingested_at, content_hash

-- name: messages
-- Messages to partners by their row.
SELECT topic, created_at, delivered_at
FROM store.outbox
WHERE rowid IN (SELECT unnest($rows::BIGINT[]))
ORDER BY sequence

-- Incidents that occurred from $since until $as_of, as the store knew them at $known_at: the latest version of each,
-- unless it cancels the incident. The order of the rows has no meaning.
CREATE TABLE incident_snapshot AS
SELECT
    version.incident_id,
    version.version,
    version.status,
    version.occurred_at,
    version.occurred_precision,
    version.is_ambiguous_hour,
    version.reported_at,
    version.offence_code,
    version.discovery,
    version.report_channel,
    version.reporter_ref,
    version.report_subject,
    version.lon,
    version.lat,
    version.accuracy_m,
    version.area_id,
    version.is_weapon,
    version.is_injury,
    version.is_domestic,
    version.drug_activity,
    version.substance,
    version.market_setting,
    version.is_minor_victim,
    version.is_minor_used_by_adult,
    version.is_minor_present,
    coalesce(version.is_fatal, false) AS is_fatal,
    coalesce(version.is_naloxone_given, false) AS is_naloxone_given,
    version.price_per_gram,
    version.purity,
    version.event_time
FROM store.incident_version AS version
ANTI JOIN superseded_incident ON version.rowid = superseded_incident.version_row
WHERE version.ingested_at <= $known_at
    AND version.occurred_at < $as_of
    AND version.occurred_at >= $since
    AND version.status <> 'cancelled'

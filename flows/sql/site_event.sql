-- Reports by public, partners and sensors at and around street markets in the last year, by market.
SELECT
    site.market_id,
    incident.incident_id,
    site.is_core,
    incident.occurred_at,
    incident.age_days,
    incident.offence_code,
    report_kind(incident.report_subject, incident.offence_code, codebook.category, codebook.axis) AS kind
FROM incident_placed AS incident
JOIN site_cell AS site USING (cell_ix, cell_iy)
JOIN codebook USING (offence_code)
WHERE incident.discovery <> 'police'
    AND may_count(codebook.category)
    AND coalesce(incident.report_channel, '') <> 'officer'
    AND incident.age_days < 365
ORDER BY site.market_id, incident.occurred_at, incident.incident_id

-- Whether the store already holds an incident or an event of the file, with any content.
SELECT
    EXISTS (
        SELECT 1 FROM identified
        SEMI JOIN store.incident_version AS held ON identified.id = held.incident_id
    )
    OR EXISTS (
        SELECT 1 FROM identified
        SEMI JOIN store.incident_version AS held
            ON identified.event_id = held.event_id AND held.event_source = getvariable('source')
    )

-- Whether the store holds an incident or an event of the file already, whatever it says of it.
SELECT
    EXISTS (
        SELECT 1 FROM mapped
        SEMI JOIN store.incident_version AS held ON mapped.incident_id = held.incident_id
    )
    OR EXISTS (
        SELECT 1 FROM mapped
        SEMI JOIN store.incident_version AS held
            ON mapped.event_id = held.event_id AND mapped.event_source = held.event_source
    )

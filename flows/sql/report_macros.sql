-- Whether an incident may count for or against a place: stops, searches and contacts never do, whatever they say of
-- themselves. What a report is about, by its own subject, else by its offence; an overdose is a matter of health alone.
-- And whether it is of the day, from 7 to 19 o'clock.
CREATE OR REPLACE TEMP MACRO may_count(category) AS coalesce(category, '') <> 'contact';

CREATE OR REPLACE TEMP MACRO report_kind(subject, code, category, axis) AS CASE
    WHEN NOT may_count(category) THEN NULL
    WHEN category = 'health' THEN 'overdose'
    WHEN subject IS NOT NULL THEN subject
    WHEN code = 'drug_dealing_report' THEN 'dealing'
    WHEN code = 'overdose' THEN 'overdose'
    WHEN code = 'drug_paraphernalia' THEN 'paraphernalia'
    WHEN axis IN ('disorder', 'violence') THEN axis
END;

CREATE OR REPLACE TEMP MACRO is_daytime(moment, zone) AS hour(timezone(zone, moment)) BETWEEN 7 AND 18

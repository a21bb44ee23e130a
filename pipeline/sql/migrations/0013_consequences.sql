-- What the unintended consequences of policing are measured by (schema version 1.1 of events): deaths, naloxone, price and
-- purity of drugs; what an arrest was for, on whose side somebody was hurt, how many an action sums up, and days waited.
-- The flags are true or null: two columns with a default in one transaction are more than DuckDB commits.
ALTER TABLE store.incident_version ADD COLUMN is_fatal BOOLEAN;
ALTER TABLE store.incident_version ADD COLUMN is_naloxone_given BOOLEAN;
ALTER TABLE store.incident_version ADD COLUMN price_per_gram DOUBLE;
ALTER TABLE store.incident_version ADD COLUMN purity DOUBLE;
ALTER TABLE store.action_version ADD COLUMN offence_code VARCHAR;
ALTER TABLE store.action_version ADD COLUMN party VARCHAR;
ALTER TABLE store.action_version ADD COLUMN "count" BIGINT;
ALTER TABLE store.action_version ADD COLUMN days DOUBLE

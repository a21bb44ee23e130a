-- Up to which batch the settings had ids of incidents and warrants replaced by short ids.
CREATE TABLE store.keyed_until (batch_id BIGINT NOT NULL);
INSERT INTO store.keyed_until VALUES (0)

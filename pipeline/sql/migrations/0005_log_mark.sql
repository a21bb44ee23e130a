-- How far the access log went when somebody last did something: the log may be longer than this, and never shorter.
CREATE TABLE store.log_mark (
    size_bytes BIGINT NOT NULL,
    entry_hash VARCHAR NOT NULL      -- of the entry that ends there; zeros where there was none
);
INSERT INTO store.log_mark VALUES (0, '0000000000000000000000000000000000000000000000000000000000000000')

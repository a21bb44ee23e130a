-- Which version of harmspot applied each migration, so that an older one can name the newer. NULL: 0.1, which did not say.
ALTER TABLE store.migration ADD COLUMN applied_by VARCHAR;

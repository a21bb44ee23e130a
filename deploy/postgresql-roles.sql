-- Roles for the store of one home in PostgreSQL 15 or newer. Run it once as a superuser, in a database of the home's own:
--
--     psql --set=home=city --dbname=city --file=deploy/postgresql-roles.sql
--
-- city_owner makes and migrates the tables (`harmspot init`, `harmspot upgrade`), vacuums them (`retain`, `compact`, an
-- erasure) and empties the database (`harmspot store move --to duckdb`). city_writer is for streams: it reads and writes
-- rows, and can neither change a table nor read another database. Give each a password: \\password city_owner

SELECT format('%s_owner', :'home') AS owner, format('%s_writer', :'home') AS writer, current_database() AS name \gset

CREATE ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE :"writer" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;

REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT, TEMPORARY, CREATE ON DATABASE :"name" TO :"owner";
GRANT CONNECT, TEMPORARY ON DATABASE :"name" TO :"writer";

CREATE SCHEMA store AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA store TO :"writer";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA store GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"writer";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA store GRANT SELECT, USAGE, UPDATE ON SEQUENCES TO :"writer";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA store GRANT EXECUTE ON FUNCTIONS TO :"writer";

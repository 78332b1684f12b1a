#!/bin/sh
# What the rehearsal needs of the official entrypoint: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE.
set -eu
user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-postgres}
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }

chown postgres:postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    as_postgres initdb --pgdata "$PGDATA" --username "$user" --pwfile "$POSTGRES_PASSWORD_FILE" \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8 > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    as_postgres pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=" --wait start > /dev/null
    as_postgres createdb --username "$user" "$database"
    as_postgres pg_ctl --pgdata "$PGDATA" --wait stop > /dev/null
fi
exec setpriv --reuid postgres --regid postgres --clear-groups postgres -D "$PGDATA" -c listen_addresses='*' "$@"

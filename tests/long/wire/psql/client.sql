-- A startup by psql: what it does is said in tests/long/wire_clients.py.
\set ON_ERROR_STOP on
SELECT 1;
SELECT 2;
PREPARE kept AS SELECT $1::int;
EXECUTE kept(1);
EXECUTE kept(2);
EXECUTE kept(3);
CREATE TEMP TABLE lines (line text);
\copy lines FROM PROGRAM 'yes "$(printf %0999d 0)" | head -c "$COPY_BYTES"'
\copy lines TO PROGRAM 'test "$(wc -c)" = "$COPY_BYTES"'
\! (sleep 0.5; kill -INT $PPID) &
SELECT pg_sleep(60);

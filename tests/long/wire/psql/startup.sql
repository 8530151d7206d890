-- A startup by psql: what it does is said in tests/long/wire_prediction.py.
SELECT 1;
SELECT 2;
SELECT 3;
PREPARE kept AS SELECT $1::int;
EXECUTE kept(1);
EXECUTE kept(2);
EXECUTE kept(3);
EXECUTE kept(4);
BEGIN;
SELECT 1;
SELECT 2;
SELECT 3;
COMMIT;
\connect -
SELECT 4;
SELECT 5;
SELECT 6;

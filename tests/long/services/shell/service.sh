# A limit on each of three tries: 4 s for 9 round trips (4 to log in, 5 statements).
for try in 1 2 3; do
  timeout 4 psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" -o /dev/null \
    -c 'SELECT 1' -c 'SELECT 2' -c 'SELECT 3' -c 'SELECT 4' -c 'SELECT 5' && exit 0
  sleep 1
done
echo "no database after 3 tries" >&2
exit 1

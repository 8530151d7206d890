# What psql says of the query that is cancelled is the last thing it does.
said=$(psql -X -q -o /dev/null -f client.sql 2>&1)
case $said in
  *"canceling statement due to user request"*) ;;
  *) echo "$said" >&2; exit 1 ;;
esac

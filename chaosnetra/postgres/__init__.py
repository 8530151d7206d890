"""PostgreSQL: checks, measurements of the path to it, and copies of a database."""

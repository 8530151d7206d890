"""The local set of real parts that an experiment runs against: PostgreSQL and Toxiproxy."""

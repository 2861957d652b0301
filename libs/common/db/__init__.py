"""PostgreSQL: engines, tables, migrations, and the offset fence."""

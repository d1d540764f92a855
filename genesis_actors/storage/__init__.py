"""The database: tables, migrations, the journal's writer, and what recovery and people read from it."""

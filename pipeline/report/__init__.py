"""Numbers for people: tables, charts and accuracy figures built from events and from the store."""

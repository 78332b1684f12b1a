"""The dispatcher: from PostgreSQL to Redis, and the background tasks that repair what died."""

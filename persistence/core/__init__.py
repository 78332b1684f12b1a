"""What all of `persistence` stands on: settings, the database, errors, models, migrations. Imports nothing else of ours."""

"""Keys, audit, repeated requests, changes to many jobs at once. May import the rest of `persistence`."""

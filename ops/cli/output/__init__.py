"""What is shown: tables and fields for people, JSON for programs."""

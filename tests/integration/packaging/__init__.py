"""What a fresh machine gets: the install command, the wheel, the extras."""

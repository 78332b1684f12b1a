-- Forget the months that ended `days` ago.
SELECT drop_archive_partitions(:days)

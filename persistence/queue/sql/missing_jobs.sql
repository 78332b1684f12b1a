-- Which of these ids are no job of ours.
SELECT wanted FROM unnest(CAST(:ids AS uuid[])) AS wanted WHERE NOT EXISTS (SELECT FROM jobs WHERE id = wanted)

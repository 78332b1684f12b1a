SELECT updated_at FROM jobs WHERE id = :id FOR UPDATE

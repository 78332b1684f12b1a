DELETE FROM workers WHERE id = :id AND state IN ('stopped', 'lost')

-- Give a waiting step its signal; whether it is the first.
SELECT signal_step(:id, CAST(:payload AS jsonb), :by)

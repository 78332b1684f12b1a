-- Delete messages, whether they wait or are held by a broker.
-- KEYS: list, messages, then every acks set that may hold them. ARGV: ids.
for _, id in ipairs(ARGV) do
    if redis.call('hdel', KEYS[2], id) == 1 then
        redis.call('lrem', KEYS[1], 0, id)
    end
    for i = 3, #KEYS do
        redis.call('srem', KEYS[i], id)
    end
end

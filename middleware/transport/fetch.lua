-- Ack what this broker is done with, then take up to ARGV[4] messages of a lane: dramatiq's own ack and fetch,
-- in one call. The bodies stay where they are: the ids say it all.
-- The acks come first: they free memory, so that a full Redis lets the rest pass.
-- KEYS: list, messages, acks, heartbeats. ARGV: now (ms), broker id, queue, count, then the ids to ack.
-- Answer: ids.
for i = 5, #ARGV do
    if redis.call('srem', KEYS[3], ARGV[i]) == 1 then
        redis.call('hdel', KEYS[2], ARGV[i])
    end
end
redis.call('zadd', KEYS[4], ARGV[1], ARGV[2])
local answer = {}
for _ = 1, tonumber(ARGV[4]) do
    local id = redis.call('lpop', KEYS[1])
    if not id then break end
    redis.call('sadd', KEYS[3], id)
    answer[#answer + 1] = id
end
return answer

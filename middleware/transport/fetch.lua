-- Ack what this broker is done with, then take up to ARGV[3] messages of a lane: dramatiq's own ack and fetch,
-- in one call. The bodies stay where they are: the ids say it all.
-- The acks come first: they free memory, so that a full Redis lets the rest pass.
-- A broker that has room for more waits for them from now on. If messages are left, another that waits is woken.
-- KEYS: list, messages, acks, heartbeats, waiting workers.
-- ARGV: now (ms), broker id, count, channel, how many messages the broker holds, then the ids to ack.
-- Answer: ids.
for i = 6, #ARGV do
    if redis.call('srem', KEYS[3], ARGV[i]) == 1 then
        redis.call('hdel', KEYS[2], ARGV[i])
    end
end
redis.call('zadd', KEYS[4], ARGV[1], ARGV[2])
local answer = {}
local count = tonumber(ARGV[3])
while #answer < count do
    local id = redis.call('lpop', KEYS[1])
    if not id then break end
    redis.call('sadd', KEYS[3], id)
    answer[#answer + 1] = id
end
if #answer < count then
    wait(KEYS[5], ARGV[2], ARGV[5] + #answer)
else
    redis.call('zrem', KEYS[5], ARGV[2])
    if redis.call('exists', KEYS[1]) == 1 then
        wake(KEYS[5], ARGV[4], 1)
    end
end
return answer

-- Ack what this broker is done with, then take up to ARGV[4] messages of a lane: dramatiq's own ack and fetch,
-- in one call. Answers with the ids too: a message whose body is broken can then still be traced to its job.
-- The acks come first: they free memory, so that a full Redis lets the rest pass.
-- KEYS: list, messages, acks, heartbeats. ARGV: now (ms), broker id, queue, count, then the ids to ack.
-- Answer: id, body or false, id, body …
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
    answer[#answer + 1] = redis.call('hget', KEYS[2], id)
end
return answer

-- Take up to ARGV[4] messages of a queue into this broker's acks, as dramatiq's own fetch does, but answer with the ids too:
-- a message whose body is broken can then still be traced to its job.
-- KEYS: list, messages, acks, heartbeats. ARGV: now (ms), broker id, queue, count. Answer: id, body or false, id, body …
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

-- Push messages onto a queue, each at most once: a dispatch that is there already stays where it is. Wakes the workers.
-- KEYS: list, messages, set of lanes, epoch. ARGV: channel, lane, then id, body, id, body …
-- Answer: how many were new, and whether this Redis holds our epoch.
local pushed = 0
for i = 3, #ARGV, 2 do
    if redis.call('hsetnx', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        redis.call('rpush', KEYS[1], ARGV[i])
        pushed = pushed + 1
    end
end
if pushed > 0 then
    redis.call('sadd', KEYS[3], ARGV[2])
    redis.call('publish', ARGV[1], ARGV[2])
end
return {pushed, redis.call('exists', KEYS[4])}

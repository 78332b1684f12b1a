-- Push messages onto a queue, each at most once: a dispatch that is there already stays where it is.
-- Wakes as many workers as there are new messages, of those that wait. If too few are known to wait, the others are busy, or this Redis
-- is new: if none was found all are woken, unless the list had messages, for then they go on until it has no more.
-- KEYS: list, messages, set of lanes, epoch, waiting workers. ARGV: channel, lane, then id, body, id, body …
-- Answer: how many were new, and whether this Redis holds our epoch.
local pushed, was_empty = 0, false
for i = 3, #ARGV, 2 do
    if redis.call('hsetnx', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        was_empty = redis.call('rpush', KEYS[1], ARGV[i]) == 1 or was_empty
        pushed = pushed + 1
    end
end
if pushed > 0 then
    redis.call('sadd', KEYS[3], ARGV[2])
    if wake(KEYS[5], ARGV[1], pushed) == pushed and was_empty then
        redis.call('publish', ARGV[1] .. ':' .. ARGV[2], '')
    end
end
return {pushed, redis.call('exists', KEYS[4])}

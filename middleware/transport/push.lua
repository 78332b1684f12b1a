-- Push messages onto a queue, each at most once: a dispatch that is there already stays where it is.
-- Wakes the workers if the list was empty. If it was not, they were woken for what is in it, and each goes on until it has no room, or
-- the list has no more.
-- KEYS: list, messages, set of lanes, epoch. ARGV: channel, lane, then id, body, id, body …
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
end
if was_empty then
    redis.call('publish', ARGV[1], ARGV[2])
end
return {pushed, redis.call('exists', KEYS[4])}

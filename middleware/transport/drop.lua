-- Forget a lane, unless it has messages: a dispatcher may have pushed some since the caller looked.
-- KEYS: messages, set of lanes, waiting workers. ARGV: lane.
if redis.call('exists', KEYS[1]) == 0 then
    redis.call('srem', KEYS[2], ARGV[1])
    redis.call('del', KEYS[3])
end

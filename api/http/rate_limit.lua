-- A token bucket: ARGV[1] tokens, refilled evenly over ARGV[2] ms. Takes up to ARGV[3] tokens, as many as are there.
-- Returns {tokens taken, tokens left, ms until it is full, ms until there is one again}.
local capacity, window, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(stored[1]) or capacity
-- A clock that was set back must not take tokens away.
local passed = math.max(0, now - (tonumber(stored[2]) or now))
tokens = math.min(capacity, tokens + passed * capacity / window)
local taken = math.min(wanted, math.floor(tokens))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], window)
local until_full = math.ceil((capacity - tokens) * window / capacity)
local until_enough = taken > 0 and 0 or math.ceil((1 - tokens) * window / capacity)
return {taken, math.floor(tokens), until_full, until_enough}

-- Workers that wait for messages of a lane: a sorted set, first the one that holds the fewest messages, then the one that came earliest.
local BUSIER, STALE_US = 1e16, 1.5e6

local function now_us()
    local time = redis.call('time')
    return time[1] * 1e6 + time[2]
end

local function wait(waiting, worker, held)
    redis.call('zadd', waiting, held * BUSIER + now_us(), worker)
end

-- Wake up to `count` of them. Answer: how many were not found. One that is gone hears nothing, and is passed over. One that has not
-- looked for long may be frozen: it is woken, and another one too.
local function wake(waiting, channel, count)
    while count > 0 do
        local worker, score = unpack(redis.call('zrangebyscore', waiting, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
        if not worker then break end
        redis.call('zrem', waiting, worker)
        local is_heard = redis.call('publish', channel .. ':' .. worker, '') > 0
        if is_heard and now_us() - tonumber(score) % BUSIER < STALE_US then
            count = count - 1
        end
    end
    return count
end

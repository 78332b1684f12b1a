-- Which of these messages no lane has. KEYS: the messages of each lane. ARGV: ids.
local absent = {}
for _, id in ipairs(ARGV) do
    local is_there = false
    for _, messages in ipairs(KEYS) do
        if redis.call('hexists', messages, id) == 1 then
            is_there = true
            break
        end
    end
    if not is_there then
        absent[#absent + 1] = id
    end
end
return absent

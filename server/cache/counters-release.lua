-- A holder is gone and all it recorded is stored and moved: what it still holds was never used.
-- What it moved stays noted, so that a move repeated after this adds nothing.
-- KEYS counter   ARGV holder, epoch
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
local field = 'held:' .. ARGV[1]
local held = redis.call('HGET', KEYS[1], field)
redis.call('HDEL', KEYS[1], field)
-- Nothing held is no decrement: a negated zero is written "-0", which Redis refuses as a number.
if held and tonumber(held) ~= 0 then redis.call('HINCRBY', KEYS[1], 'total', string.format('%.0f', -tonumber(held))) end
return held or 0

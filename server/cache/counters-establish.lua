-- Begin a new epoch, unless somebody did so first. KEYS epoch   ARGV epoch that was found (empty: none), new epoch
local present = redis.call('GET', KEYS[1]) or ''
if present ~= ARGV[1] then return present end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]

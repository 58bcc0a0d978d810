"""What Redis does in one step: Lua, so that between two commands nobody comes and nothing is cut off.

work    stream    item, body                                      one consumer group
dead    stream    item, body, reason, attempts
known   hash      item → «entry token» or «dead:entry token»       while the item is not done
counts  hash      done
result  hash      result, by                                      one key an item; its time to live begins when done

A script that was asked twice, because its first answer was lost, answers the same. XACK comes before what needs memory:
Redis refuses a script at `maxmemory` only before its first write, so what is done can be told even then. Nothing is
rolled back: a key of another kind has to be met before the first write, so each is read before it.
Redis ≥ 6.2 (XPENDING … IDLE).
"""

GROUP = "workers"
RELEASED = "-"
"""the consumer of what a worker gave back, or failed: nobody holds it"""
LONG_AGO_MS = 86_400_000
"""idle time of what is to be had at once, whatever the lease"""

_BURY = """
local function bury(work, dead, known, group, id, item, body, reason, attempts)
  redis.call('XLEN', dead)
  redis.call('HLEN', known)
  redis.call('XACK', work, group, id)
  redis.call('XDEL', work, id)
  local grave = redis.call('XADD', dead, '*', 'item', item, 'body', body, 'reason', reason, 'attempts', attempts)
  redis.call('HSET', known, item, 'dead:' .. grave .. ' -')
end
local function mine(work, group, me, id)
  local p = redis.call('XPENDING', work, group, id, id, 1)[1]
  return p and p[2] == me and p or nil
end
"""

PUT = """
local work, known, result, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local item, body, token = ARGV[1], ARGV[2], ARGV[3]
local seen = redis.call('HGET', known, item)
if seen then
  local state, id, by = string.match(seen, '^(%a*):?(%S+) (%S+)$')
  if by == token then return 1 end
  if redis.call('XRANGE', state == 'dead' and dead or work, id, id)[1] then return 0 end
elseif redis.call('HLEN', result) > 0 then
  return 0
end
local id = redis.call('XADD', work, '*', 'item', item, 'body', body)
redis.call('HSET', known, item, id .. ' ' .. token)
return 1
"""

TAKE = (
    _BURY
    + """
local work, dead, known = KEYS[1], KEYS[2], KEYS[3]
local group, me, lease, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local held = {}
for i = 5, #ARGV do held[ARGV[i]] = true end

local function fields(id)
  local entry = redis.call('XRANGE', work, id, id)[1]
  if not entry then  -- somebody deleted it
    redis.call('XACK', work, group, id)
    return nil
  end
  local found = {}
  for i = 1, #entry[2], 2 do found[entry[2][i]] = entry[2][i + 1] end
  if not (found.item and found.body) then
    local seen = cjson.encode(entry[2])
    bury(work, dead, known, group, id, 'no-item:' .. id, seen, 'an entry without «item» and «body»', 0)
    return nil
  end
  return found
end

-- delivered to us, and the answer was lost
for _, p in ipairs(redis.call('XPENDING', work, group, '-', '+', #ARGV, me)) do
  if not held[p[1]] then
    local found = fields(p[1])
    if found then
      redis.call('XCLAIM', work, group, me, 0, p[1], 'JUSTID')
      return {p[1], p[4], found.item, found.body}
    end
  end
end
-- left behind: no heartbeat for longer than the lease, or given back
for _, p in ipairs(redis.call('XPENDING', work, group, 'IDLE', lease, '-', '+', 100)) do
  local found = not held[p[1]] and fields(p[1])
  if found and p[4] >= most then
    local reason = p[4] .. ' attempts, and none came to an end: the workers went, or the item took them down'
    bury(work, dead, known, group, p[1], found.item, found.body, reason, p[4])
  elseif found then
    redis.call('XCLAIM', work, group, me, 0, p[1], 'RETRYCOUNT', p[4] + 1, 'JUSTID')
    return {p[1], p[4] + 1, found.item, found.body}
  end
end
for _ = 1, 100 do
  local new = redis.call('XREADGROUP', 'GROUP', group, me, 'COUNT', 1, 'STREAMS', work, '>')
  if not new then return {} end
  local id = new[1][2][1][1]
  local found = fields(id)
  if found then return {id, 1, found.item, found.body} end
end
return {}
"""
)

DONE = (
    _BURY
    + """
local work, known, result, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, me, id, item, bytes, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local by = me .. ' ' .. id
if not mine(work, group, me, id) then
  return redis.call('HGET', result, 'by') == by and 'written' or 'lost'
end
local before = redis.call('HLEN', result) > 0
redis.call('HLEN', known)
redis.call('HLEN', counts)
redis.call('XACK', work, group, id)
redis.call('XDEL', work, id)
redis.call('HDEL', known, item)
if before then return 'before' end
redis.call('HSET', result, 'result', bytes, 'by', by)
if ttl > 0 then redis.call('PEXPIRE', result, ttl) end
redis.call('HINCRBY', counts, 'done', 1)
return 'written'
"""
)

FAILED = (
    _BURY
    + """
local work, dead, known = KEYS[1], KEYS[2], KEYS[3]
local group, me, id, item, idle, reason, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local p = mine(work, group, me, id)
if not p then return 'lost' end
if p[4] >= most then
  local entry = redis.call('XRANGE', work, id, id)[1]
  local body = ''
  for i = 1, entry and #entry[2] or 0, 2 do
    if entry[2][i] == 'body' then body = entry[2][i + 1] end
  end
  bury(work, dead, known, group, id, item, body, reason, p[4])
  return 'dead'
end
redis.call('XCLAIM', work, group, '"""
    + RELEASED
    + """', 0, id, 'IDLE', idle, 'RETRYCOUNT', p[4], 'JUSTID')
return 'again'
"""
)

RELEASE = (
    _BURY
    + """
local p = mine(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not p then return 'lost' end
redis.call('XCLAIM', KEYS[1], ARGV[1], '"""
    + RELEASED
    + """', 0, ARGV[3], 'IDLE', ARGV[4], 'RETRYCOUNT', p[4] - 1, 'JUSTID')
return 'again'
"""
)

BEAT = (
    _BURY
    + """
local lost = {}
for i = 3, #ARGV do
  if mine(KEYS[1], ARGV[1], ARGV[2], ARGV[i]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
"""
)

LEAVE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 1
"""

STATUS = (
    """
local work, dead, counts, group, lease = KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2])
local workers = 0
local function type_of(key) return redis.call('TYPE', key).ok end
local held, oldest, ours = 0, nil, false
for _, g in ipairs(type_of(work) == 'stream' and redis.call('XINFO', 'GROUPS', work) or {}) do
  ours = ours or g[2] == group
end
if ours then
  for _, c in ipairs(redis.call('XPENDING', work, group)[4] or {}) do
    if c[1] ~= '"""
    + RELEASED
    + """' then
      held = held + tonumber(c[2])
      local first = redis.call('XPENDING', work, group, '-', '+', 1, c[1])[1][1]
      local ms = tonumber(string.match(first, '^%d+'))
      if not oldest or ms < oldest then oldest = ms end
    end
  end
  for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', work, group)) do
    if c[2] ~= '"""
    + RELEASED
    + """' and c[6] < lease then workers = workers + 1 end
  end
end
local now = redis.call('TIME')
local age = oldest and now[1] * 1000 + math.floor(now[2] / 1000) - oldest or -1
local done = redis.call('HGET', counts, 'done')
local waiting = math.max(0, redis.call('XLEN', work) - held)  -- somebody may have deleted what is held
return {waiting, held, age, tonumber(done or '0'), redis.call('XLEN', dead), workers}
"""
)

REQUEUE = """
local work, dead, known, item, token = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
local seen = redis.call('HGET', known, item)
if not seen then return 0 end
if string.sub(seen, -#token) == token then return 1 end
local id = string.match(seen, '^dead:(%S+) ')
local entry = id and redis.call('XRANGE', dead, id, id)[1]
if not entry then return 0 end
local again = redis.call('XADD', work, '*', 'item', entry[2][2], 'body', entry[2][4])
redis.call('XDEL', dead, id)
redis.call('HSET', known, item, again .. ' ' .. token)
return 1
"""

PUT_ONCE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('HGET', KEYS[1], 'by') == ARGV[2] and 1 or 0 end
redis.call('HSET', KEYS[1], 'result', ARGV[1], 'by', ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
"""

-- Blind intervals: packed pairs (from_ms, to_ms), sorted, disjoint. In (from, to] pings may have gone unheard.
local HOLE, HOLE_LENGTH, HOLES_KEPT, WINDOWS_OF_PATIENCE = '<I6I6', 12, 256, 3

local function read_holes(blob)
  local holes = {}
  if blob then
    for at = 1, #blob - HOLE_LENGTH + 1, HOLE_LENGTH do
      local from, to = struct.unpack(HOLE, blob, at)
      holes[#holes + 1] = {from, to}
    end
  end
  return holes
end

-- The moment after which a silence that began at `base` is a miss. A hole that touches the window in which a ping
-- was expected moves it to the end of the hole + one whole interval + grace. But not for ever: once three whole windows
-- were listened through without a ping, a further hole is no excuse, or whoever restarts daily would never hear of a
-- daily job that died.
local function effective_deadline(base, limit, holes)
  local deadline, unheard, last = base + limit, 0, holes[#holes]
  if not last or last[2] <= base then return deadline end
  for i = 1, #holes do
    local from, to = holes[i][1], holes[i][2]
    if from < deadline and to > base then
      if from - base - unheard >= WINDOWS_OF_PATIENCE * limit then break end
      unheard = unheard + to - math.max(from, base)
      deadline = to + limit
    end
  end
  return deadline
end

-- Adds a hole to the list and stores it. Beyond the kept number the two oldest become one: later, never a false alarm.
local function add_hole(blind_key, tallies_key, from, to)
  if to <= from then return read_holes(redis.call('GET', blind_key)) end
  local holes = read_holes(redis.call('GET', blind_key))
  local before = 0
  for i = 1, #holes do before = before + holes[i][2] - holes[i][1] end
  holes[#holes + 1] = {from, to}
  table.sort(holes, function(a, b) return a[1] < b[1] end)
  local merged, after = {}, 0
  for i = 1, #holes do
    local last = merged[#merged]
    if last and holes[i][1] <= last[2] then
      if holes[i][2] > last[2] then last[2] = holes[i][2] end
    else
      merged[#merged + 1] = {holes[i][1], holes[i][2]}
    end
  end
  for i = 1, #merged do after = after + merged[i][2] - merged[i][1] end
  while #merged > HOLES_KEPT do
    merged[2][1] = merged[1][1]
    table.remove(merged, 1)
  end
  local packed = {}
  for i = 1, #merged do packed[i] = struct.pack(HOLE, merged[i][1], merged[i][2]) end
  redis.call('SET', blind_key, table.concat(packed))
  if after > before then redis.call('HINCRBY', tallies_key, 'blind_ms', after - before) end
  return merged
end

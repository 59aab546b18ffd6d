-- Blind intervals: packed pairs (from_ms, to_ms), sorted, disjoint. In (from, to] pings may have gone unheard. Where Redis has lost
-- what it had taken, LOSS is added to from_ms: nobody sends that again.
local HOLE, HOLE_LENGTH, HOLES_KEPT, WINDOWS_OF_PATIENCE = '<I6I6', 12, 256, 3
-- The end of a run comes once: who tells it tries for so long, and then gives up.
local TOLD_WITHIN_MS, BLOCK, LOSS = 30000, 16, 140737488355328

local function read_holes(blob)
  local holes = {}
  if blob then
    for at = 1, #blob - HOLE_LENGTH + 1, HOLE_LENGTH do
      local from, to = struct.unpack(HOLE, blob, at)
      local is_loss = from >= LOSS
      holes[#holes + 1] = {is_loss and from - LOSS or from, to, is_loss}
    end
  end
  return holes
end

local function pack_hole(from, to, is_loss)
  return struct.pack(HOLE, is_loss and from + LOSS or from, to)
end

-- The place of the first hole that ends after a moment.
local function first_after(holes, moment)
  local low, high = 1, #holes + 1
  if high == 1 or holes[high - 1][2] <= moment then return high end
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    if holes[middle][2] > moment then high = middle else low = middle + 1 end
  end
  return low
end

-- What is read off a list of holes once, so that no window has to pass over all of them. By place: `heard`, for how long was
-- listened until the hole began; `gaps`, for how long since the one before it ended; `lost`, the next hole that may have
-- swallowed the end of a run. By BLOCK places: `widest`, the widest of their gaps. `lost_until`: when the last such hole ended.
-- `behind`: what first_gap has found.
local function read_off(holes)
  if holes.read then return holes.read end
  local heard, gaps, widest, lost, next_lost, lost_until, last_end, listened = {}, {}, {}, {}, #holes + 1, 0, 0, 0
  for i = 1, #holes do
    local block = math.floor((i - 1) / BLOCK) + 1
    gaps[i], last_end = holes[i][1] - last_end, holes[i][2]
    listened = listened + gaps[i]
    heard[i], widest[block] = listened, math.max(widest[block] or 0, gaps[i])
  end
  for i = #holes, 1, -1 do
    if holes[i][3] or holes[i][2] - holes[i][1] > TOLD_WITHIN_MS then next_lost, lost_until = i, math.max(lost_until, holes[i][2]) end
    lost[i] = next_lost
  end
  lost[#holes + 1] = #holes + 1
  holes.read = {heard = heard, gaps = gaps, widest = widest, lost = lost, lost_until = lost_until, behind = {}}
  return holes.read
end

-- The place of the first hole that begins when so much was listened since a moment; `h` is that of the first which ends after it.
local function first_heard(holes, h, since, much)
  local heard, low, high = read_off(holes).heard, h, #holes + 1
  local enough = heard[h] - math.max(0, holes[h][1] - since) + much
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    if heard[middle] >= enough then high = middle else low = middle + 1 end
  end
  return low
end

local function gap_from(read, at, places, width)
  local gaps, widest = read.gaps, read.widest
  while at <= places do
    if (at - 1) % BLOCK == 0 and widest[(at - 1) / BLOCK + 1] < width then
      at = at + BLOCK
    elseif gaps[at] >= width then
      return at
    else
      at = at + 1
    end
  end
  return places + 1
end

-- The first place from `at` on, before `bound`, that lies behind a gap of such a width; `bound`: there is none. Many windows
-- of a call are of the same width, and begin before the same hole.
local function first_gap(holes, at, bound, width)
  local read = read_off(holes)
  local behind = read.behind[width]
  if not behind then
    behind = {}
    read.behind[width] = behind
  end
  local place = behind[at]
  if not place then
    place = gap_from(read, at, #holes, width)
    behind[at] = place
  end
  return place < bound and place or bound
end

-- The moment after which a silence that began at `base` is a miss. A hole that touches the window in which a ping
-- was expected moves it to the end of the hole + one whole interval + grace. But not for ever: once three whole windows
-- were listened through without a ping, a further hole is no excuse, or whoever restarts daily would never hear of a
-- daily job that died. So what counts is the last hole that only shorter gaps divide from the first.
local function effective_deadline(base, limit, holes)
  local last = holes[#holes]
  if not last or last[2] <= base then return base + limit end
  local first = first_after(holes, base)
  if holes[first][1] >= base + limit then return base + limit end
  local patient = first_heard(holes, first, base, WINDOWS_OF_PATIENCE * limit)
  return holes[first_gap(holes, first + 1, patient, limit) - 1][2] + limit
end

-- Adds a hole to the list and stores it. Beyond the kept number the two oldest become one: later, never a false alarm.
local function add_hole(blind_key, tallies_key, from, to, is_loss)
  if to <= from then return read_holes(redis.call('GET', blind_key)) end
  local holes = read_holes(redis.call('GET', blind_key))
  local before = 0
  for i = 1, #holes do before = before + holes[i][2] - holes[i][1] end
  holes[#holes + 1] = {from, to, is_loss or false}
  table.sort(holes, function(a, b) return a[1] < b[1] end)
  local merged, after = {}, 0
  for i = 1, #holes do
    local last = merged[#merged]
    if last and holes[i][1] <= last[2] then
      if holes[i][2] > last[2] then last[2] = holes[i][2] end
      last[3] = last[3] or holes[i][3]
    else
      merged[#merged + 1] = {holes[i][1], holes[i][2], holes[i][3]}
    end
  end
  for i = 1, #merged do after = after + merged[i][2] - merged[i][1] end
  while #merged > HOLES_KEPT do
    merged[2][1], merged[2][3] = merged[1][1], merged[1][3] or merged[2][3]
    table.remove(merged, 1)
  end
  local packed = {}
  for i = 1, #merged do packed[i] = pack_hole(merged[i][1], merged[i][2], merged[i][3]) end
  redis.call('SET', blind_key, table.concat(packed))
  if after > before then redis.call('HINCRBY', tallies_key, 'blind_ms', after - before) end
  return merged
end

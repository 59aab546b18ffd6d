-- Writer slots: format, watermark_ms, sequence, registered_ms; 8 bytes of incarnation.
local WRITER, WRITER_LENGTH, INCARNATION_AT = '<BI6I6I6', 27, 20

local function read_writer(blob)
  if not blob or #blob ~= WRITER_LENGTH then return nil end
  local format, watermark, sequence, registered = struct.unpack(WRITER, blob)
  if format ~= 1 then return nil end
  return watermark, sequence, registered, string.sub(blob, INCARNATION_AT)
end

local function pack_writer(watermark, sequence, registered, incarnation)
  return struct.pack(WRITER, 1, watermark, sequence, registered) .. incarnation
end

-- The smallest watermark: up to here every registered writer has committed all that it heard. nil: nobody listens,
-- or a record cannot be read; then there is no verdict. Also how many writers there are, and the largest watermark.
local function smallest_watermark(writers_key)
  local blobs = redis.call('HVALS', writers_key)
  local smallest, largest = nil, nil
  for i = 1, #blobs do
    local watermark = read_writer(blobs[i])
    if not watermark then return nil, #blobs end
    if not smallest or watermark < smallest then smallest = watermark end
    if not largest or watermark > largest then largest = watermark end
  end
  return smallest, #blobs, largest
end

-- Whether a writer that died may have died with the server, which then may have forgotten what that one had answered: where
-- the server was started after the last that it knows of it (when, is known to the second), or that lies in the future, as
-- the clock came back behind.
local function may_be_lost(heard, now)
  local started = started_ms()
  return started > 0 and (started + 1000 > heard or heard > now)
end

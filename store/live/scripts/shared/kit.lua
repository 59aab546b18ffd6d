-- All that only monitors with rules or runs need, made when the first of them comes along: a call without any, as nearly all
-- are, pays nothing for it.
local made_kit

local function kit()
  if made_kit then return made_kit end
--@include rules
--@include hearing
--@include special
  made_kit = {
    NEVER = NEVER, NAMELESS = NAMELESS, FLAG_RULED = FLAG_RULED,
    read_rules = read_rules, read_runs = read_runs, window_end = window_end, silence_deadline = silence_deadline,
    judged_at = judged_at, excuse_runs = excuse_runs, excuse_ticks = excuse_ticks, settle_runs = settle_runs,
    pack_runs = pack_runs, start_of_cause = start_of_cause, is_quiet = is_quiet, judge = judge, hear = hear,
    count_unwatched = count_unwatched,
    new = new_special, load = load_special, next_reminder = next_reminder,
    note = note_special, pack = pack_special, write = write_specials,
  }
  return made_kit
end

// Time as the server has it, and words for how far away a moment is, kept up to date each second.

const UNITS = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
let ahead_ms = 0;

/** What the server's clock said just now, so that a wrong clock of the viewer's shows nothing wrong. */
export function setServerTime(text) {
  const moment = Date.parse(text);
  if (!Number.isNaN(moment)) ahead_ms = moment - Date.now();
}

export const now_ms = () => Date.now() + ahead_ms;

/** A length of time in at most two units: `1 min 30 s`. */
export function span(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const said = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) said.push(`${count} ${unit}`);
  }
  return said.slice(0, 2).join(" ") || "0 s";
}

const distance_s = (text) => (Date.parse(text) - now_ms()) / 1000;
const WORDS = {
  ago: (text) => `${span(-distance_s(text))} ago`,
  for: (text) => `for ${span(-distance_s(text))}`,
  until: (text) => (distance_s(text) > 0 ? `in ${span(distance_s(text))}` : `passed ${span(-distance_s(text))} ago`),
};

/** Say anew how far away each moment is. */
export function tick() {
  for (const [how, say] of Object.entries(WORDS)) {
    for (const element of document.querySelectorAll(`[data-${how}]`)) {
      const text = say(element.dataset[how]);
      if (element.textContent !== text) element.textContent = text;
    }
  }
}

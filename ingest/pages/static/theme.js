// The colours of charts, from the style sheet; told anew when the viewer goes from light to dark or back.

const NAMES = ["accent", "soft", "line", "paper", "down", "late"];
const dark = matchMedia("(prefers-color-scheme: dark)");
let known = null;

/** The palette as it is now. */
export function colours() {
  if (!known) {
    const style = getComputedStyle(document.documentElement);
    known = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    known.font = `12px ${style.getPropertyValue("--font")}`;
  }
  return known;
}

/** The same colour, so much of it. */
export const thin = (colour, percent) => `color-mix(in srgb, ${colour} ${percent}%, transparent)`;

export function onThemeChange(act) {
  dark.addEventListener("change", () => {
    known = null;
    act();
  });
}

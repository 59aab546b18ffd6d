// What every page has: moments in the viewer's own zone, buttons that copy, questions before what cannot be undone.

const DAY_MS = 86_400_000;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const today = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Write `time` elements in the zone of the viewer; the UTC stays in the title. */
export function localize(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const near = Math.abs(moment.getTime() - now) < DAY_MS && moment.toDateString() === new Date(now).toDateString();
    element.textContent = (near ? today : full).format(moment);
    element.dataset.local = "";
  }
}

/** Browsers have a clipboard for pages over HTTPS only; elsewhere the text is marked, and copied as if by hand. */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    return true;
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("code, pre"));
    return document.execCommand("copy");
  }
}

/** Show the buttons that copy, and let them do so. */
export function enableCopying(root = document) {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const label = button.textContent;
      button.textContent = (await copy(button)) ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}

localize();
enableCopying();

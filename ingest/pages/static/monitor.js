// The page of a monitor: live parts, charts with their range, what came with a ping.

import "./bodies.js";
import { Charts } from "./charts.js";
import { setServerTime, tick } from "./clock.js";
import { Live } from "./live.js";

const REMEMBERED = "overdue-range";

const page = document.getElementById("monitor");
const ranges = document.getElementById("ranges");

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

function remember(hours) {
  try {
    localStorage.setItem(REMEMBERED, hours);
  } catch {
    // Whoever lets nothing be kept chooses anew.
  }
}

setServerTime(page.dataset.now);
tick();
setInterval(tick, 1000);

const charts = new Charts(page, document.getElementById("charts"));
const chosen = ranges.querySelector(`input[value="${CSS.escape(remembered() ?? "24")}"]`) ?? ranges.querySelector("input");
chosen.checked = true;
charts.hours = Number(chosen.value);
ranges.hidden = false;
ranges.addEventListener("change", (event) => {
  remember(event.target.value);
  charts.choose(Number(event.target.value));
});
charts.follow();
new Live(page, `${page.dataset.address}/data/live`, () => charts.follow());

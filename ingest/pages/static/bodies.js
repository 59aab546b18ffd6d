// What came with a ping: loaded when its entry is opened, and shown as nothing but text.

const MOST_SHOWN = 20_000;

async function load(place) {
  const text = document.createElement("pre");
  text.tabIndex = 0;
  text.setAttribute("aria-label", "What came with the ping");
  try {
    const reply = await fetch(place.dataset.body, { headers: { accept: "text/plain" } });
    const body = await reply.text();
    text.textContent = reply.ok ? shortened(body) : "It cannot be shown now; open the entry again.";
    if (reply.ok) delete place.dataset.body;
  } catch {
    text.textContent = "Overdue cannot be reached; open the entry again.";
  }
  place.querySelector("pre")?.remove();
  place.append(text);
}

const shortened = (body) => (body.length > MOST_SHOWN ? `${body.slice(0, MOST_SHOWN)}\n…` : body);

// `toggle` does not bubble, but it can be caught on its way down.
document.addEventListener("toggle", (event) => {
  if (!(event.target instanceof HTMLElement) || !event.target.matches("details.ping[open]")) return;
  const place = event.target.querySelector("[data-body]");
  if (place) load(place);
}, true);

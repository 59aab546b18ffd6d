// Forms with a schedule: shows the next moments at which it is due, while it is typed. The server works them out.

const WAIT_MS = 250;

for (const preview of document.querySelectorAll("[data-preview]")) {
  const form = preview.closest("form");
  const fields = ["schedule", "timezone"].map((name) => form.elements.namedItem(name));
  let timer = 0;
  let asked = 0;

  async function show() {
    const [schedule, timezone] = fields.map((field) => field.value.trim());
    const mine = ++asked;
    if (!schedule) {
      preview.replaceChildren();
      return;
    }
    try {
      const query = new URLSearchParams({ schedule, timezone });
      const reply = await fetch(`${preview.dataset.preview}?${query}`);
      if (mine === asked && reply.ok) preview.innerHTML = await reply.text();
    } catch {
      // Away for a moment: what was shown last stays.
    }
  }

  // What was wrong with the form as it was sent stands beside its field; it is told once, and is over when somebody types.
  function forget(field) {
    if (!field.hasAttribute("aria-invalid")) return;
    document.getElementById(`${field.name}-said`)?.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    field.closest(".field").classList.remove("wrong");
  }

  for (const field of fields) {
    field.addEventListener("input", () => {
      fields.forEach(forget);
      clearTimeout(timer);
      timer = setTimeout(show, WAIT_MS);
    });
  }
  if (!fields.some((field) => field.hasAttribute("aria-invalid"))) show();
}

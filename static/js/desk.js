/* The desk by keyboard, and the texts of the chosen reason at once; all of it works without this file as well. */

"use strict";

const source = document.getElementById("reply-templates");
const texts = source ? JSON.parse(source.textContent) : {};

/* Choosing a reason brings its text, unless somebody has begun to write their own. */

for (const form of document.querySelectorAll("[data-decision]")) {
  const known = texts[form.dataset.decision] || {};
  const message = form.elements.message;
  const button = form.elements.template;
  if (button) button.closest("p").hidden = true;
  form.elements.reason_code.addEventListener("change", (event) => {
    const untouched = !message.value.trim() || Object.values(known).includes(message.value.replace(/\r\n/g, "\n"));
    if (known[event.target.value] && untouched) message.value = known[event.target.value];
    if (button) button.closest("p").hidden = untouched || !known[event.target.value];
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button.default"));
    }
  });
}

/* One key each; never while somebody writes, and never together with Ctrl, Alt or Meta. */

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  if (document.querySelector("[popover]:popover-open")) return;
  const key = event.key === "?" ? event.key : event.key.toLowerCase();
  const target = key === "u" ? document.querySelector("[data-key-up]") : document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return;
  event.preventDefault();
  const decision = target.closest(".decision");
  if (!decision) {
    target.click();
    return;
  }
  decision.open = true;
  decision.scrollIntoView({ block: "nearest" });
  decision.querySelector("select").focus();
});

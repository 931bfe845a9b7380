/* The preview: the button says for how many it is done, and the sum follows what is ticked. It works without this. */

"use strict";

const preview = document.getElementById("chosen");
const doButton = preview && preview.querySelector("[data-do]");

function followTicks(words) {
  const ticked = [...preview.querySelectorAll("[name=chosen]:checked")];
  doButton.textContent = words.replace(/\d+/, ticked.length);
  doButton.disabled = ticked.length === 0;
  const total = preview.querySelector("[data-total] .money");
  if (!total) return;
  const cents = ticked.reduce((sum, box) => sum + Math.round(Number(box.dataset.amount || 0) * 100), 0);
  const yuan = (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  total.textContent = `¥${yuan}`;
}

if (doButton) {
  const words = doButton.textContent;
  preview.addEventListener("change", (event) => {
    if (event.target.matches("[name=chosen]")) followTicks(words);
  });
  preview.addEventListener("submit", (event) => {
    if (event.submitter === doButton) setTimeout(() => (doButton.disabled = true));
  });
  window.addEventListener("pageshow", () => followTicks(words)); // a browser that comes back kept the ticks
}

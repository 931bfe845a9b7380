/* The list as a work queue: rows by key, choosing several, assigning one in place. All of it works without this file,
   by the links, the boxes and the buttons that are there. */

"use strict";

const chosenForm = document.getElementById("chosen");

/* Rows: the one that holds the focus is the current one, so that a screen reader reads it out. */

let lastRow = null;

function allRows() {
  return [...document.querySelectorAll("[data-row]")];
}

function currentRow() {
  return document.activeElement.closest("[data-row]") || (lastRow && lastRow.isConnected ? lastRow : null);
}

function go(row) {
  lastRow = row;
  row.querySelector(".row-link").focus();
  row.scrollIntoView({ block: "nearest" });
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) lastRow = row;
});

const onRow = {
  o: (row) => row.querySelector(".row-link").click(),
  x: (row) => row.querySelector("[name=chosen]")?.click(),
  h: (row) => row.querySelector("[data-row-key=h]")?.click(),
  r: (row) => chosenForm.querySelector("[name=chosen]") && location.assign(row.querySelector(".row-link").href + "#message"),
  a: (row) => row.querySelector("[data-row-key=a]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (keysRest(event) || pressed) return;
  const key = event.key.toLowerCase();
  const rows = allRows();
  if (!rows.length) return;
  if (key === "j" || key === "k") {
    const place = rows.indexOf(currentRow());
    const isThere = document.activeElement.closest("[data-row]") !== null;
    const next = place < 0 ? 0 : !isThere ? place : Math.min(Math.max(place + (key === "j" ? 1 : -1), 0), rows.length - 1);
    event.preventDefault();
    go(rows[next]);
  } else if (key === "a" && chosen().length) {
    event.preventDefault();
    openAssign("");
  } else if (Object.hasOwn(onRow, key) && currentRow()) {
    event.preventDefault();
    onRow[key](currentRow());
  }
});

/* A key that acts on what is chosen acts on the current row when nothing is. */

document.addEventListener(
  "keydown",
  (event) => {
    if (!/^[1-9]$/.test(event.key) || keysRest(event) || chosen().length) return;
    if (document.querySelector(`[data-key="${event.key}"]`)) currentRow()?.querySelector("[name=chosen]")?.click();
  },
  true,
);

/* Choosing: one by one, all between two with Shift, all on the page. The bar hears of it by the event "chosen". */

function boxes() {
  return chosenForm ? [...chosenForm.querySelectorAll("[name=chosen]")] : [];
}

function chosen() {
  return boxes().filter((box) => box.checked);
}

function tellChosen() {
  const number = chosen().length;
  for (const shown of document.querySelectorAll("[data-chosen-number]")) shown.textContent = number;
  for (const all of document.querySelectorAll("[data-choose-all]")) {
    all.checked = number > 0 && number === boxes().length;
    all.indeterminate = number > 0 && !all.checked;
  }
  chosenForm.dataset.number = number;
  chosenForm.dispatchEvent(new CustomEvent("chosen", { detail: { number } }));
}

if (chosenForm && boxes().length) {
  let lastBox = null;
  document.querySelectorAll("label:has(> [data-choose-all])").forEach((label) => (label.hidden = false));
  chosenForm.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches("[name=chosen]")) return;
    const all = boxes();
    if (event.shiftKey && lastBox) {
      const [first, last] = [all.indexOf(lastBox), all.indexOf(box)].sort((one, other) => one - other);
      all.slice(first, last + 1).forEach((each) => (each.checked = box.checked));
    }
    lastBox = box;
  });
  chosenForm.addEventListener("change", (event) => {
    if (event.target.matches("[data-choose-all]")) boxes().forEach((box) => (box.checked = event.target.checked));
    tellChosen();
  });
  window.addEventListener("pageshow", tellChosen); // a browser that comes back has its boxes ticked again
}

/* Assigning: the button of a row opens the list of people for this row; its answer replaces the name in the row. */

const assignDialog = document.getElementById("assign");

function openAssign(number) {
  if (!assignDialog) return;
  const about = document.getElementById("assign-about");
  const row = number && boxes().find((box) => box.value === number).closest("[data-row]");
  about.textContent = row ? `${row.querySelector(".row-link").textContent} · ${number}` : `${about.dataset.chosen}: ${chosen().length}`;
  assignDialog.dataset.one = number;
  assignDialog.showModal();
  assignDialog.querySelector("[name=assignee]").focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-assign]");
  if (opener && assignDialog) {
    event.preventDefault();
    openAssign(opener.value);
    return;
  }
  const person = event.target.closest("[data-people] [name=assignee]");
  const one = assignDialog && assignDialog.dataset.one;
  if (!person || !one) return;
  event.preventDefault();
  assignDialog.close();
  const whose = document.getElementById(`whose-${one}`);
  const values = { one, assignee: person.value };
  htmx
    .ajax("POST", person.closest("[data-people]").dataset.url, { target: whose, swap: "outerHTML", values })
    .then(() => document.getElementById(`whose-${one}`).querySelector("button").focus());
});

/* What pages gain when scripts run; every page does its work without this file. */

"use strict";

/* Clocks run on: the words of common/wording.py, filled again every half minute. */

const HOUR = 3600000;

function fill(phrase, values) {
  return phrase.replace(/%\((\w+)\)s/g, (whole, name) => values[name]);
}

function spanWords(words, milliseconds) {
  const minutes = Math.floor(milliseconds / 60000);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days) return fill(words.days, { days, hours: hours % 24 });
  if (hours) return fill(words.hours, { hours, minutes: minutes % 60 });
  return minutes ? fill(words.minutes, { minutes }) : words.moment;
}

function runClocks() {
  const source = document.getElementById("clock-words");
  if (!source) return;
  const words = JSON.parse(source.textContent);
  for (const shown of document.querySelectorAll("[data-due]")) {
    const left = new Date(shown.dataset.due) - Date.now();
    const state = left < 0 ? "missed" : left < 6 * HOUR ? "urgent" : left < 24 * HOUR ? "soon" : "calm";
    shown.textContent = fill(left < 0 ? words.missed : words.left, { span: spanWords(words, Math.abs(left)) });
    const clock = shown.closest(".clock");
    if (clock && clock.dataset.state !== state) {
      clock.dataset.state = state;
      const use = clock.querySelector("use");
      use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#clock-" + state));
    }
  }
}

/* Theme: the same cookie that the form sets, without the reload. */

const THEME_MEDIA = { auto: "screen and (prefers-color-scheme: dark)", light: "not all", dark: "screen" };

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-theme-switch]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  document.getElementById("dark-colours").media = THEME_MEDIA[theme];
  document.querySelector('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
  for (const button of document.querySelectorAll("[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
});

/* Menus close on Escape and on a click elsewhere; dialogs become modal; messages can be dismissed. */

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest("[popovertarget]");
  const dialog = opener && document.getElementById(opener.getAttribute("popovertarget"));
  if (dialog instanceof HTMLDialogElement) {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.parentElement.remove();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* A menu that would run off the window opens to the other side. */

document.addEventListener(
  "toggle",
  (event) => {
    const list = event.target.matches("details[data-menu][open]") && event.target.querySelector(".menu__list");
    if (!list) return;
    list.classList.remove("menu__list--back");
    const isOff = list.getBoundingClientRect().right > document.documentElement.clientWidth;
    list.classList.toggle("menu__list--back", isOff);
  },
  true,
);

/* What was done can be taken back while the button is there; it goes when its time is over. */

function setUpUndo(form) {
  const left = Number(form.dataset.undo);
  form.style.setProperty("--left", left + "ms");
  setTimeout(() => {
    const message = form.parentElement;
    const hadFocus = form.contains(document.activeElement);
    form.remove();
    if (hadFocus) message.querySelector("[data-dismiss]").focus();
  }, left);
  form.addEventListener("submit", () => setTimeout(() => (form.querySelector("button").disabled = true)));
  delete form.dataset.undo;
}

/* Pictures: picked, dropped or pasted; shown before they are sent, and removable. */

function setUpPictures(field) {
  const input = field.querySelector('input[type="file"]');
  const row = field.querySelector(".pictures__row");
  const problem = field.querySelector(".pictures__problem");
  const said = field.querySelector(".pictures__said");
  const limit = Number(field.dataset.limit);
  const maxBytes = Number(field.dataset.maxBytes);
  let picked = [];

  async function draw(file) {
    const shown = document.createElement("div");
    shown.className = "pictures__new";
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 144;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", file.name);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = field.dataset.remove;
    remove.setAttribute("aria-label", `${field.dataset.remove} ${file.name}`);
    remove.addEventListener("click", () => {
      accept(picked.filter((other) => other !== file));
      input.focus();
    });
    shown.append(canvas, remove);
    row.insertBefore(shown, row.querySelector(".pictures__pick"));
    try {
      const picture = await createImageBitmap(file);
      const side = Math.min(picture.width, picture.height);
      const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
      canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, 144, 144);
      picture.close();
    } catch {
      canvas.replaceWith(file.name);
    }
  }

  function accept(files) {
    const kept = field.querySelectorAll(".pictures__kept input:checked").length;
    const large = files.filter((file) => file.size > maxBytes);
    const sound = files.filter((file) => file.size <= maxBytes);
    picked = sound.slice(0, Math.max(0, limit - kept));
    const sentences = [];
    if (large.length) sentences.push(field.dataset.tooBig + large.map((file) => file.name).join(", "));
    if (picked.length < sound.length) sentences.push(field.dataset.tooMany);
    problem.textContent = sentences.join(" ");
    problem.hidden = !sentences.length;
    const transfer = new DataTransfer();
    picked.forEach((file) => transfer.items.add(file));
    input.files = transfer.files;
    row.querySelectorAll(".pictures__new").forEach((shown) => shown.remove());
    picked.forEach(draw);
  }

  function add(files) {
    const isNew = (file) => !picked.some((other) => other.name === file.name && other.size === file.size);
    const pictures = [...files].filter((file) => input.accept.split(",").includes(file.type));
    accept([...picked, ...pictures.filter(isNew)]);
    const others = [...files].filter((file) => !pictures.includes(file));
    if (others.length) {
      problem.textContent += " " + field.dataset.noPicture + others.map((file) => file.name).join(", ");
      problem.hidden = false;
    }
    if (pictures.length) said.textContent = field.dataset.added + picked.length;
  }

  input.addEventListener("change", () => add(input.files));
  field.addEventListener("dragover", (event) => {
    event.preventDefault();
    field.dataset.over = "";
  });
  field.addEventListener("dragleave", () => delete field.dataset.over);
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    delete field.dataset.over;
    add(event.dataTransfer.files);
  });
  field.addEventListener("portal:pictures", (event) => add(event.detail));
  const form = field.closest("form");
  if (form) {
    form.addEventListener("paste", (event) => {
      const { files, types } = event.clipboardData;
      // What is copied from a table or a document is text with a picture of it: the text is meant.
      if (!files.length || types.includes("text/plain")) return;
      event.preventDefault();
      add(files);
    });
  }
  field.dataset.ready = "";
}

function setUp(root) {
  root.querySelectorAll("[data-pictures]:not([data-ready])").forEach(setUpPictures);
  root.querySelectorAll("form[data-undo]").forEach(setUpUndo);
  root.querySelectorAll("[data-dismiss]").forEach((button) => (button.hidden = false));
  const summary = root.querySelector(".error-summary");
  if (summary) summary.focus();
  runClocks();
}

document.addEventListener("htmx:load", (event) => setUp(event.target.parentElement || document));
setUp(document);
setInterval(runClocks, 30000);

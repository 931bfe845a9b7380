/* What the page of a complaint gains when scripts run: what is typed is kept, pictures go where one writes, Ctrl+Enter
   sends, and one sees who else is there. */

"use strict";

const KEPT_AFTER = 2000;
const LOOK_EVERY = 10000;
const WRITES_FOR = 20000;
const WITH_SCRIPT = { "X-Requested-With": "XMLHttpRequest" };
const STORE = "typed:" + location.pathname.split("/").slice(0, 3).join("/");
const FORMS = ["handling", "message", "note"];
const typings = new WeakMap();
const writing = { form: "", until: 0 };

/* What the window keeps: until the server has it, or until it is sent. It outlives signing in again. */

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE)) || {};
  } catch {
    return {};
  }
}

function keepHere(name, fields) {
  const all = kept();
  if (fields) all[name] = fields;
  else delete all[name];
  try {
    sessionStorage.setItem(STORE, JSON.stringify(all));
  } catch {
    /* A window without storage: the server keeps it all the same. */
  }
}

function typedIn(form) {
  const fields = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim() && !["csrfmiddlewaretoken", "form", "reply", "step"].includes(name)) {
      if (!name.endsWith("_kept")) fields[name] = value;
    }
  }
  return fields;
}

/* Return whether the field changed. Sentences stand beside those that are there; another answer is left alone. */
function putBack(form, name, value) {
  if (name === "method") {
    const way = form.querySelector(`[name="method"][value="${CSS.escape(value)}"]:not(:disabled)`);
    if (!way || form.querySelector('[name="method"]:checked')) return false;
    return (way.checked = true);
  }
  const field = form.elements[name];
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) return false;
  const there = field.value.trim();
  if (there.includes(value.trim())) return false;
  if (there && field instanceof HTMLInputElement) return false;
  field.value = there && !value.includes(there) ? there + "\n\n" + value : value;
  return true;
}

function forgetWhatWasSent() {
  const found = document.cookie.match(/(?:^|; )sent=(\w+)/);
  if (!found) return;
  keepHere(found[1]);
  document.cookie = `sent=; Path=${location.pathname}; Max-Age=0; SameSite=Lax`;
}

/* Drafts: kept two seconds after the last key. */

function setUpTyping(form) {
  const name = form.dataset.typing;
  const words = form.querySelector("[data-draft-words]");
  let timer = 0;
  let saving = null;
  let again = false;

  function say(text, isProblem = false) {
    if (isProblem) words.setAttribute("role", "alert");
    else words.removeAttribute("role"); // read out on every save it would be in the way
    if (words.textContent !== text) words.textContent = text;
  }

  async function save() {
    const data = new FormData(form);
    for (const each of ["pictures", "reply"]) data.delete(each);
    data.set("step", "keep");
    const typed = JSON.stringify(typedIn(form));
    try {
      const response = await fetch(form.dataset.draft, { method: "POST", body: data, headers: WITH_SCRIPT, redirect: "error" });
      if (response.status === 401) return say(words.dataset.signedOut, true);
      if (response.status === 403) return say(words.dataset.stale, true);
      const answer = await response.json();
      say(answer.words || words.dataset.idle, !response.ok);
      if (response.ok && typed === JSON.stringify(typedIn(form))) keepHere(name);
    } catch {
      say(words.dataset.off, true);
    }
  }

  function saveSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (saving) {
        again = true;
        return;
      }
      saving = save().finally(() => {
        saving = null;
        if (again) saveSoon();
        again = false;
      });
    }, KEPT_AFTER);
  }

  function changed(event) {
    if (event.target.name === "reply") return;
    keepHere(name, typedIn(form));
    writing.form = name;
    writing.until = Date.now() + WRITES_FOR;
    saveSoon();
  }

  if (!words.textContent.trim()) say(words.dataset.idle);
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    const step = event.submitter && event.submitter.name === "step" ? event.submitter.value : "";
    if (form.dataset.leaving) {
      event.preventDefault(); // the second click of two
    } else if (saving) {
      event.preventDefault(); // or the draft would come after what was sent
      again = false;
      saving.finally(() => form.requestSubmit(event.submitter));
    } else {
      keepHere(name, step === "throw" ? null : typedIn(form));
      form.dataset.leaving = "";
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.dataset.ready = "";
  typings.set(form, {
    saveSoon,
    rest() {
      clearTimeout(timer);
      again = false;
      return saving;
    },
  });
}

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-leaving]")) delete form.dataset.leaving;
});

function setUpForms() {
  for (const form of document.querySelectorAll("form[data-typing]:not([data-ready])")) {
    const name = form.dataset.typing;
    setUpTyping(form);
    const fields = kept()[name];
    if (!fields) continue;
    if ("bound" in form.dataset) keepHere(name); // the server gave it back already
    else if (Object.entries(fields).filter(([field, value]) => putBack(form, field, value)).length) typings.get(form).saveSoon();
    else keepHere(name);
  }
}

/* A form may be gone because somebody handled the complaint meanwhile: its sentences go into the message. */
function moveToMessage() {
  const fields = kept().handling;
  const form = document.querySelector('form[data-typing="message"]');
  if (!fields || !fields.note || !form || document.querySelector('form[data-typing="handling"]')) return;
  if (!document.body.innerText.includes(fields.note.trim())) {
    if (putBack(form, "text", fields.note)) form.elements.text.dispatchEvent(new Event("input", { bubbles: true }));
  }
  keepHere("handling");
}

/* Pictures that are pasted or dropped elsewhere on the page go into the form for handling, or else into the message. */

function formForPictures(target) {
  const near = target instanceof Element ? target.closest("form") : null;
  if (near) return near.querySelector("[data-pictures]") ? near : null;
  return document.querySelector('form[data-typing="handling"]') || document.querySelector('form[data-typing="message"]');
}

function hasFiles(event) {
  return event.dataTransfer && [...event.dataTransfer.types].includes("Files");
}

function hand(form, files) {
  form.querySelector("[data-pictures]").dispatchEvent(new CustomEvent("portal:pictures", { detail: [...files] }));
}

document.addEventListener("paste", (event) => {
  if (event.defaultPrevented || !event.clipboardData.files.length) return;
  if (event.target instanceof Element && event.target.closest("form")) return; // the form's own affair
  const form = formForPictures(event.target);
  if (!form) return;
  event.preventDefault();
  hand(form, event.clipboardData.files);
  form.querySelector("[data-pictures]").scrollIntoView({ block: "nearest" });
});

for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (event.defaultPrevented || !hasFiles(event)) return;
    event.preventDefault(); // or the browser would leave the page and open the file
    const form = formForPictures(event.target);
    for (const other of document.querySelectorAll("[data-typing][data-over]")) delete other.dataset.over;
    if (!form) return;
    if (kind === "dragover") form.dataset.over = "";
    else hand(form, event.dataTransfer.files);
  });
}

document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget) return;
  for (const form of document.querySelectorAll("[data-typing][data-over]")) delete form.dataset.over;
});

/* The way into the form for handling: to the canned replies, or to the first way that can be chosen. */

function startHandling() {
  const card = document.getElementById("handle");
  const first = card && card.querySelector('[name="reply"], [name="method"]:not(:disabled)');
  if (first) first.focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest('a[href="#handle"]')) setTimeout(startHandling);
});

/* A canned reply was filled in, or a name was shown: what htmx put there is set up, and the focus goes on. */

document.addEventListener("htmx:afterSettle", (event) => {
  const target = event.detail.elt;
  if (!target.matches("#handle, #message, #contact")) return;
  for (const name of FORMS) if (target.querySelector(`[data-typing="${name}"]`)) keepHere(name);
  setUpForms();
  const text = target.querySelector("textarea");
  if (text) text.focus();
});

document.addEventListener("htmx:confirm", (event) => {
  const form = event.target.closest("form[data-typing]");
  if (!form) return;
  keepHere(form.dataset.typing, typedIn(form));
  const saving = typings.get(form).rest();
  if (!saving) return;
  event.preventDefault(); // or what is kept would come after what is filled in
  saving.finally(() => event.detail.issueRequest());
});

/* Who else is looking. A window that nobody sees does not look. */

const presence = document.getElementById("presence");

async function look() {
  if (document.hidden) return;
  const writes = Date.now() < writing.until ? writing.form : "";
  try {
    const response = await fetch(`${presence.dataset.url}?writes=${writes}`, { headers: WITH_SCRIPT, redirect: "error" });
    const shown = response.ok ? await response.text() : "";
    if (presence.dataset.shown === shown) return; // or it would be read out again and again
    presence.dataset.shown = shown;
    presence.innerHTML = shown;
  } catch {
    presence.replaceChildren();
  }
}

forgetWhatWasSent();
setUpForms();
moveToMessage();
if (location.hash === "#handle") startHandling();
if (presence) {
  presence.dataset.shown = "";
  setInterval(look, LOOK_EVERY);
  document.addEventListener("visibilitychange", look);
}

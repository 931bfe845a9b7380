/* What the appeal form gains when scripts run: marks that follow the typing, and a draft that saves itself. */

"use strict";

const AUTOSAVE_AFTER = 1500;

function setUpAppeal(form) {
  const words = document.getElementById("draft-words");
  let timer = 0;
  let leaving = false;

  function mark(name, isReady) {
    const item = document.querySelector(`[data-ready-for="${name}"]`);
    if (item) item.toggleAttribute("data-is-ready", isReady);
  }

  function markAll() {
    const picked = form.querySelector('input[type="file"]').files.length;
    mark("description", form.elements.description.value.trim() !== "");
    mark("pictures", picked > 0 || form.querySelector('[name="pictures_kept"]:checked') !== null);
    for (const proof of form.querySelectorAll('[name="proofs"]')) mark(proof.value, proof.checked);
  }

  async function save() {
    const data = new FormData(form);
    data.delete("pictures");
    try {
      const response = await fetch(form.dataset.draft, { method: "POST", body: data, redirect: "error" });
      const answer = await response.json();
      if (!leaving) words.textContent = answer.words || form.dataset.notSaved;
    } catch {
      if (!leaving) words.textContent = form.dataset.notSaved;
    }
  }

  function changed() {
    markAll();
    clearTimeout(timer);
    timer = setTimeout(save, AUTOSAVE_AFTER);
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", () => {
    leaving = true;
    clearTimeout(timer);
  });
  document.addEventListener("click", () => setTimeout(markAll));
  markAll();
}

const appealForm = document.getElementById("appeal-form");
if (appealForm && document.getElementById("draft-words")) setUpAppeal(appealForm);

/* Keys of a page, for the list and for the page of a complaint. An element says which key reaches it:

     data-key="r"      one key        data-key="g h"      two after each other

   A link or a button is clicked, a field gets the focus. The dialog with the id "keys" lists them and opens on "?".
   Keys rest while somebody types, and while Ctrl, Alt or Meta is held; in an open dialog they rest as well. */

"use strict";

const UNTYPED = "checkbox radio button submit reset file image range color";
let pressed = "";
let forgetPressed = 0;

function isTyping(element) {
  if (!(element instanceof HTMLElement)) return false;
  if (element instanceof HTMLInputElement) return !UNTYPED.split(" ").includes(element.type);
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement || element.isContentEditable;
}

function keysRest(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return true;
  return isTyping(event.target) || document.querySelector("dialog[open], dialog:popover-open") !== null;
}

function reach(element) {
  if (element.matches("input:not([type=checkbox], [type=radio], [type=submit]), textarea, select")) {
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  } else {
    element.click();
  }
}

document.addEventListener("keydown", (event) => {
  if (keysRest(event)) return;
  if (event.key === "?") {
    const dialog = document.getElementById("keys");
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (event.key.length > 1) return;
  const key = pressed ? `${pressed} ${event.key.toLowerCase()}` : event.key.toLowerCase();
  clearTimeout(forgetPressed);
  pressed = "";
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]:not(:disabled)`);
  if (target) {
    event.preventDefault();
    reach(target);
  } else if (document.querySelector(`[data-key^="${CSS.escape(key)} "]`)) {
    pressed = key;
    forgetPressed = setTimeout(() => (pressed = ""), 1500);
  }
});

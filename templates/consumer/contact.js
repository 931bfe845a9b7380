/* How a shop is reached, written into the element that the script's data-into names, or where the script stands. */
{% comment %}Every text of the shop becomes a text node; nothing is read as HTML.{% endcomment %}
(function () {
  "use strict";
  var given = {{ given|safe }};
  var contact = given.contact;
  var words = given.words;
  var script = document.currentScript;

  function add(parent, tag, text, name) {
    var element = document.createElement(tag);
    if (name) element.className = "complaints-contact__" + name;
    if (text) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function link(parent, text, href, name) {
    var element = add(parent, "a", text, name);
    element.href = href;
    element.rel = "noopener noreferrer";
  }

  function show() {
    var into = script && script.dataset.into;
    var place = into ? document.getElementById(into) : null;
    if (!place) {
      if (!script || !script.parentNode || script.parentNode === document.head) return;
      place = document.createElement("div");
      script.parentNode.insertBefore(place, script);
    }
    place.textContent = "";
    place.classList.add("complaints-contact");
    if (!contact.phone && !contact.url) add(place, "p", words.none, "none");
    if (contact.phone) {
      var phone = add(place, "p", "", "phone");
      add(phone, "span", words.phone + " ");
      link(phone, contact.phone, contact.dial, "number");
    }
    if (contact.hours) add(place, "p", words.hours + " " + contact.hours, "hours");
    if (contact.url) link(add(place, "p", "", "online"), words.url, contact.url, "link");
    if (contact.form) link(add(place, "p", "", "form"), words.form, contact.form, "link");
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show);
  else show();
})();
